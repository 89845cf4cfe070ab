"""Folders that are made anew: what has been played is never overwritten."""

import contextlib
import itertools
from collections.abc import Mapping
from pathlib import Path

from arena.errors import ArenaError, FolderInTheWay


def stem(game: str) -> str:
    """A game's name for a folder: its id, or the name of its file.

    Example:
        >>> stem("ring"), stem("/home/me/mine.py:tug-of-war")
        ('ring', 'mine')
    """
    return Path(game.rpartition(":")[0] or game).stem


def new_folder(out: str | Path | None, name: str, what: str, files: Mapping[str, str]) -> Path:
    """A folder that was not there, with files in it.

    Args:
        out: where; None numbers one under `runs/`.
        name: of the numbered one.
        what: that is to be kept there, with its article, for the message.
        files: texts by the names of the files to begin with; by the last of them `arena resume` knows such a folder.

    Raises:
        FolderInTheWay: where it exists.
        ArenaError: where it cannot be made.
    """
    try:
        folder = _made(out, name, what, [*files][-1])
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ArenaError(f"the folder {error.filename} could not be made ({error.strerror}); choose another --out") from error
    return folder


def _made(out: str | Path | None, name: str, what: str, marker: str) -> Path:
    if out is None:
        for number in itertools.count(1):
            folder = Path("runs") / f"{name}-{number}"
            with contextlib.suppress(FileExistsError):
                folder.mkdir(parents=True)
                return folder
    folder = Path(str(out))
    if folder.exists():
        known = f"go on with it by `arena resume {folder}`, or " if (folder / marker).exists() else ""
        raise FolderInTheWay(f"{folder} exists already, and {what} never overwrites; {known}choose another --out")
    folder.mkdir(parents=True)
    return folder
