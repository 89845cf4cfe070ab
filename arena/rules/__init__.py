"""Update rules: from the field to the players' moves. One file each; a new file here is found, listed and tested by itself."""

import importlib
import pkgutil

from arena.rules.base import Turn, UpdateRule
from arena.rules.extragradient import Extragradient
from arena.rules.simultaneous import Simultaneous

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = ["Extragradient", "Simultaneous", "Turn", "UpdateRule"]
