"""Load a class or function from an import path or a file."""

import functools
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from arena.errors import ArenaError, UnknownName
from arena.registry.entries import Entry, entries, entry_of, is_kind


def from_import_path(kind: str, name: str) -> Entry:
    """Return the entry of an import path, as in `package.module.Class`."""
    module_name, _, attribute = name.rpartition(".")
    if "" not in sys.path:
        sys.path.insert(0, "")  # because a console script does not search the present folder
    try:
        member = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ArenaError(f"the {kind} '{name}' cannot be imported ({error}); name it as file.py:Name, or install its package") from error
    return Entry(kind, name, member)


def from_file(kind: str, name: str) -> Entry:
    """Return the entry of a file, as in `mine.py` or `mine.py:Class`."""
    path, _, attribute = name.partition(":")
    file = Path(path).resolve()
    if not file.is_file():
        raise ArenaError(f"the {kind} '{name}' names the file {file}, which does not exist; check the path")
    module = _import_file(file)
    members = {n: m for n, m in vars(module).items() if getattr(m, "__module__", None) == module.__name__ and is_kind(kind, m)}
    if kind == "game":
        members = {entry.id if (entry := entry_of("game", m)).id in entries("game") else n: m for n, m in members.items()}
    if not attribute and len(set(members.values())) == 1:
        attribute = next(iter(members))
    if attribute not in members:
        if attribute:
            raise UnknownName(f"{kind} in {file.name}", attribute, members)
        raise ArenaError(f"{file.name} defines {len(set(members.values()))} {kind}s, but one is needed; name it as {path}:Name")
    return Entry(kind, f"{file}:{attribute}", members[attribute])


@functools.cache
def _import_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ArenaError(f"{file} cannot be imported; it must be a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        if isinstance(error, ArenaError):
            raise
        raise ArenaError(f"{file.name} cannot be imported ({type(error).__name__}: {error}); run it with python to see where") from error
    return module
