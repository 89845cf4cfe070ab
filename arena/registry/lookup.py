"""Find one entry by its name, class name, import path or file."""

import re
from pathlib import Path

from arena.errors import ArenaError, UnknownName, typed
from arena.registry.entries import Entry, entries, named
from arena.registry.loading import from_file, from_import_path

FILE = r"\.py(:|$)"


def is_path(name: str) -> bool:
    """Return whether a name, with or without arguments, is that of a file or an import path.

    Example:
        >>> is_path("mine.py:Rule"), is_path("optuna.samplers.TPESampler(seed=1)"), is_path("averaging(inner=mine.Rule)")
        (True, True, False)
    """
    return "." in name.partition("(")[0]


def lookup(kind: str, name: str) -> Entry:
    """Return the entry of an id, a class name, an import path (`package.module.Class`) or a file (`mine.py`, `mine.py:Class`).

    Raises:
        UnknownName: Unknown name; the error gives the nearest one.
        ArenaError: A named file or module cannot be imported.

    Example:
        >>> lookup("rule", "Extragradient").id, lookup("rule", "sga").id
        ('extragradient', 'symplectic-gradient-adjustment')
        >>> lookup("scheduler", "alternatin")
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown scheduler 'alternatin': did you mean 'alternating'?
    """
    if (entry := named(kind, name)) is not None:
        return entry
    known = entries(kind)
    aliases = {alias: entry for entry in known.values() for alias in getattr(entry.target, "also", ())}
    if name in aliases:
        return aliases[name]
    if kind == "game" and (file := Path(name) / "config.yaml").is_file():
        raise ArenaError(
            f"{file.parent} is a run folder and no game; type `arena resume {typed(file.parent)}` to go on with it, or "
            f"`arena play --config {file}` to play it anew"
        )
    if is_path(name):
        return from_file(kind, name) if re.search(FILE, name) else from_import_path(kind, name)
    raise UnknownName(kind, name, {**known, **aliases}, listing=f"`arena list {kind}s`")


def located(kind: str, word: str) -> str:
    """Return a word with the whole path of its file, as it is kept in plans; a name stays.

    Example:
        >>> located("sampler", "tpe"), located("sampler", "optuna.samplers.TPESampler(seed=1)")
        ('tpe', 'optuna.samplers.TPESampler(seed=1)')
    """
    if not is_path(word):
        return word
    name, opening, arguments = word.partition("(")
    return lookup(kind, name.strip()).id + opening + arguments
