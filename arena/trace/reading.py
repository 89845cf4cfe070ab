"""Reading files that somebody else may have written: regular ones alone, no more than a bound; damaged ones are kept beside."""

import errno
import itertools
import os
import stat
import warnings
from pathlib import Path
from typing import BinaryIO

from arena.errors import ArenaWarning

MIB = 2**20


def read_bytes(path: str | Path, most: int = 256 * MIB) -> bytes:
    """Return the content of a regular file of at most `most` bytes.

    Raises OSError for any other file, without waiting for it: a pipe, a device, or a link to one.

    Example:
        >>> read_bytes("/dev/zero")
        Traceback (most recent call last):
        ...
        OSError: [Errno 22] it is no regular file: '/dev/zero'
    """
    with opened(path, most) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def opened(path: str | Path, most: int = 65536 * MIB) -> BinaryIO:
    """Return a regular file of at most `most` bytes, open for reading; raise OSError as `read_bytes` does."""
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")  # noqa: PTH123, SIM115
    status = os.fstat(file.fileno())
    wrong = 0 if stat.S_ISREG(status.st_mode) else errno.EINVAL
    if wrong or status.st_size > most:
        file.close()
        raise OSError(wrong or errno.EFBIG, "it is no regular file" if wrong else f"it is larger than {most // MIB:,} MiB", str(path))
    return file


def rename_damaged(path: Path) -> str:
    """Rename a damaged file to the first free name of `NAME.damaged`, `NAME.damaged-2`, …; return that name.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "map.csv"
        >>> path.touch()
        >>> rename_damaged(path)
        'map.csv.damaged'
    """
    names = (path.with_name(f"{path.name}.damaged{end}") for end in itertools.chain([""], (f"-{n}" for n in itertools.count(2))))
    kept = next(name for name in names if not name.exists())
    path.rename(kept)
    return kept.name


def set_aside(path: Path, what: str) -> None:
    """Rename a damaged file, and warn with the reason `what`."""
    warnings.warn(ArenaWarning(f"{path} is damaged: {what}. The damaged file is kept as {rename_damaged(path)}"), stacklevel=3)


def read_text(path: str | Path, most: int = 16 * MIB) -> str:
    """Return the text of a regular UTF-8 file of at most `most` bytes; raise OSError or UnicodeDecodeError."""
    return read_bytes(path, most).decode("utf-8")
