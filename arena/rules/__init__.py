"""Update rules: from the field to the players' moves. One file each; a new file here is found, listed and tested by itself."""

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING, Any

from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn

__all__ = ["Cost", "LinearGame", "LinearMap", "Turn", "UpdateRule"]

for _found in pkgutil.iter_modules(__path__, f"{__name__}."):
    _module = importlib.import_module(_found.name)
    for _name, _member in list(vars(_module).items()):
        if inspect.isclass(_member) and issubclass(_member, UpdateRule) and _member.__module__ == _module.__name__ != "arena.rules.base":
            globals()[_name] = _member  # so that `from arena.rules import X` finds every rule
            __all__.append(_name)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
