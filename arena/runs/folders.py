"""New folders; results are never overwritten."""

import contextlib
import itertools
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from arena.errors import ArenaError, FolderInTheWay, RunFailed, typed
from arena.registry import trust
from arena.trace.writing import make_folder, write_whole


def stem(game: str) -> str:
    """Return a game's name for a folder: its id, or the name of its file.

    Example:
        >>> stem("ring"), stem("/home/me/mine.py:tug-of-war")
        ('ring', 'mine')
    """
    return Path(game.rpartition(":")[0] or game).stem


def new_folder(out: str | Path | None, name: str, what: str, files: Mapping[str, str]) -> Path:
    """Make a folder with files in it.

    Args:
        out: Path of the folder; None numbers one under `runs/`.
        name: Stem of a numbered folder.
        what: Noun phrase for the error message, such as "a run".
        files: Texts by file name; the last file marks the folder for `arena resume`.

    Raises:
        FolderInTheWay: The folder exists.
        ArenaError: The folder cannot be made.
    """
    try:
        folder = _made(out, name, what, [*files][-1])
        with _empty_after_error(folder):
            trust.sign(folder, "\n".join(files.values()))
            for file, text in files.items():
                write_whole(folder / file, text)
    except OSError as error:
        name, where = what.partition(" ")[2], error.filename or out
        raise ArenaError(f"the {name} folder {where} could not be made ({error.strerror}); choose another --out") from error
    return folder


def check_own(folder: Path) -> None:
    """Raise ArenaError if a folder holds a link or a special file, through which a write would leave it."""
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            what = f"a link to {path.readlink()}" if path.is_symlink() else "no regular file"
            raise ArenaError(f"{path} is {what}, and nothing is written through it. Fix: put the file or the folder itself there")


@contextlib.contextmanager
def disk_errors(what: str, folder: Path) -> Iterator[None]:
    """Raise RunFailed if a file cannot be written while `what`, such as "the map", writes into the folder."""
    try:
        yield
    except OSError as error:
        where = error.filename or f"a file in {folder}"
        reason = error.strerror or error
        raise RunFailed(
            f"{what} stopped because {where} could not be written ({reason}). Fix that, then: arena resume {typed(folder)}"
        ) from error


def _made(out: str | Path | None, name: str, what: str, marker: str) -> Path:
    if out is None:
        for number in itertools.count(1):
            folder = Path("runs") / f"{name}-{number}"
            with contextlib.suppress(FileExistsError):
                make_folder(folder)
                return folder
    folder = Path(str(out))
    if folder.exists():
        known = f"go on with it by `arena resume {typed(folder)}`, or " if (folder / marker).exists() else ""
        raise FolderInTheWay(f"{folder} exists already, and {what} never overwrites; {known}choose another --out")
    make_folder(folder)
    return folder


@contextlib.contextmanager
def _empty_after_error(folder: Path) -> Iterator[None]:
    """Remove a new folder if its first files cannot be written, so that the same command works once there is room."""
    try:
        yield
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
