"""Files that are written as a whole: after a kill, a full disk or a power cut they hold their former content or the new one."""

import contextlib
import errno
import os
from pathlib import Path

AS_IT_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Flags to open a file without following a link and, on Windows, without changing the ends of lines."""


def write_whole(path: Path, content: str | bytes, *, shared: bool = False) -> None:
    """Replace the content of a file: write it under another name, flush it to the disk, and rename it.

    Args:
        path: The file.
        content: Text, written as UTF-8, or bytes.
        shared: Whether other processes may write the same file at the same moment.

    Raises:
        OSError: The disk is full or read-only; the former content stays.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "best.yaml"
        >>> write_whole(path, "lr: 0.1")
        >>> path.read_text(), [file.name for file in path.parent.iterdir()]
        ('lr: 0.1', ['best.yaml'])
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part" if shared else f"{path.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | AS_IT_IS, 0o666), "wb") as file:  # noqa: PTH123
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, on the disk when this returns; raise FileExistsError if it is there."""
    new = [folder, *(parent for parent in folder.parents if not parent.exists())]
    folder.mkdir(parents=True)
    for made in new:
        sync_folder(made.parent)


def folder_in(parent: Path, name: str) -> Path:
    """Return a folder within another, made unless it is there; raise FileNotFoundError if the other one has vanished."""
    folder = parent / name
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        sync_folder(parent)
    return folder


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, except on Windows: a new or renamed file may otherwise be missing after a power cut."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):  # of file systems that flush no folders
            raise
    finally:
        os.close(handle)
