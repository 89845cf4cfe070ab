"""Damaged files: each is kept beside, so that nothing is lost by a repair."""

import itertools
import os
import shutil
import warnings
from pathlib import Path

from arena.errors import ArenaWarning
from arena.trace.writing import sync_folder, write_whole


def set_aside(path: Path, what: str) -> None:
    """Rename a damaged file, and warn with the reason `what`."""
    warnings.warn(ArenaWarning(f"{path} is damaged: {what}. The damaged file is kept as {rename_damaged(path)}"), stacklevel=3)


def rename_damaged(path: Path) -> str:
    """Rename a damaged file to the first free name of `NAME.damaged`, `NAME.damaged-2`, …; return that name.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "map.csv"
        >>> path.touch()
        >>> rename_damaged(path)
        'map.csv.damaged'
    """
    kept = _free_name(path)
    path.rename(kept)
    sync_folder(path.parent)
    return kept.name


def repaired(path: Path, content: str | bytes, what: str) -> None:
    """Put repaired content in the place of a damaged file, and warn with the reason `what`."""
    warnings.warn(ArenaWarning(f"{path} is damaged: {what}. The damaged file is kept as {replace_damaged(path, content)}"), stacklevel=3)


def replace_damaged(path: Path, content: str | bytes) -> str:
    """Put repaired content in the place of a damaged file, at no moment of which the file is missing; return the name of the damaged one.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "map.csv"
        >>> _ = path.write_text("x,y\\n1,")
        >>> replace_damaged(path, "x,y\\n"), path.read_text(), path.with_name("map.csv.damaged").read_text()
        ('map.csv.damaged', 'x,y\\n', 'x,y\\n1,')
    """
    kept = _free_name(path)
    if not kept.exists():
        try:
            os.link(path, kept)
        except OSError:  # a file system without links
            shutil.copyfile(path, kept)
    write_whole(path, content)
    return kept.name


def _free_name(path: Path) -> Path:
    """Return the first name that is free, or that a repair gave to this file before it was killed."""
    names = (path.with_name(f"{path.name}.damaged{end}") for end in itertools.chain([""], (f"-{n}" for n in itertools.count(2))))
    return next(name for name in names if not name.exists() or name.samefile(path))
