"""Load a class or function from an import path or a file."""

import functools
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from arena.errors import ECHO, ArenaError, UnknownName, cause
from arena.registry import trust
from arena.registry.entries import Entry, entries, is_kind, named, path_of
from arena.registry.foreign import fits, fitted


def entry_of(kind: str, target: Callable[..., Any]) -> Entry:
    """Return the entry of a class or function; its id is an import path if it has no name in the registry.

    Example:
        >>> entry_of("schedule", named("schedule", "linear").target).id, entry_of("player", dict).id
        ('linear', 'builtins.dict')
    """
    known = entries("game").values() if kind == "game" else [named(kind, target.__name__)]
    for entry in known:
        if entry and entry.target is target:
            return entry
    trust.use(path_of(target))
    return Entry(kind, path_of(target), target)


def from_import_path(kind: str, name: str) -> Entry:
    """Return the entry of an import path, as in `package.module.Class`."""
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", name):
        raise ArenaError(
            f"the {kind} '{name[:60]}' is no import path. Expected a name of `arena list {kind}s`, package.Class or file.py:Class"
        )
    trust.check(kind, name)
    module_name, _, attribute = name.rpartition(".")
    if "" not in sys.path:
        sys.path.insert(0, "")  # because a console script does not search the present folder
    try:
        member = getattr(_imported(module_name, lambda: importlib.import_module(module_name)), attribute)
    except (ImportError, AttributeError) as error:
        raise ArenaError(f"the {kind} '{name}' cannot be imported ({error}); name it as file.py:Name, or install its package") from error
    if not (is_kind(kind, member) or fits(kind, member, own=False)):
        expected = _EXPECTED.get(kind, f"a class derived from that of a {kind}")
        raise ArenaError(f"'{name}' is no {kind}, but {_described(member)}. Expected {expected}")
    trust.use(name)
    return Entry(kind, name, fitted(kind, member))


def from_file(kind: str, name: str) -> Entry:
    """Return the entry of a file, as in `mine.py` or `mine.py:Class`."""
    path, _, attribute = name.partition(":")
    file = Path(path).resolve()
    trust.check(kind, name)
    if not file.is_file():
        raise ArenaError(f"the {kind} '{name}' names the file {file}, which does not exist; check the path")
    module = _import_file(file)
    own = {n: m for n, m in vars(module).items() if getattr(m, "__module__", None) == module.__name__}
    members = {n: m for n, m in own.items() if is_kind(kind, m)} or {n: m for n, m in own.items() if fits(kind, m, own=False)}
    if attribute in own and fits(kind, own[attribute], own=True):
        members[attribute] = own[attribute]
    if kind == "game":
        members = {entry.id if (entry := entry_of("game", m)).id in entries("game") else n: m for n, m in members.items()}
    if not attribute and len(set(members.values())) == 1:
        attribute = next(iter(members))
    if attribute not in members:
        if attribute:
            raise UnknownName(f"{kind} in {file.name}", attribute, members)
        raise ArenaError(f"{file.name} defines {len(set(members.values()))} {kind}s, but one is needed; name it as {path}:Name")
    trust.use(f"{file}:{attribute}")
    return Entry(kind, f"{file}:{attribute}", fitted(kind, members[attribute]))


@functools.cache
def _import_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ArenaError(f"{file} cannot be imported; it must be a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    loader = spec.loader
    _imported(file.name, lambda: loader.exec_module(module))
    return module


def _imported(name: str, load: Callable[[], Any]) -> Any:
    """Return `load()`, which imports a module; report an error of the module in one sentence."""
    try:
        return load()
    except (ArenaError, ImportError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit too
        raise ArenaError(f"{name[:ECHO]} cannot be imported ({cause(error)}); run it with python to see where") from error


_EXPECTED = {
    "player": "a class derived from torch.nn.Module, or a function that says that it returns one (-> nn.Module)",
    "optimizer": "a class derived from torch.optim.Optimizer, or a function whose first argument is `parameters`",
    "schedule": "a function whose first argument is `progress`, or a class of torch.optim.lr_scheduler",
    "sampler": "a class derived from optuna.samplers.BaseSampler",
    "pruner": "a class derived from optuna.pruners.BasePruner",
    "executor": "a function whose first argument is `work` (arena/experiments/executors/base.py)",
    "backend": "a function whose first argument is `sweep` (tuning/backends/base.py)",
}


def _described(member: object) -> str:
    what = "the class" if inspect.isclass(member) else "the function" if callable(member) else "an object of"
    return f"{what} {getattr(member, '__qualname__', type(member).__name__)}"
