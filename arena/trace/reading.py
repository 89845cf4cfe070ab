"""Reading files that somebody else may have written: regular ones alone, no more than a bound."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MIB = 2**20
WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # Windows has the second flag only


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
    file = open(os.open(path, os.O_RDONLY | WITHOUT_WAITING), "rb")  # noqa: PTH123, SIM115
    status = os.fstat(file.fileno())
    wrong = 0 if stat.S_ISREG(status.st_mode) else errno.EINVAL
    if wrong or status.st_size > most:
        file.close()
        raise OSError(wrong or errno.EFBIG, "it is no regular file" if wrong else f"it is larger than {most // MIB:,} MiB", str(path))
    return file


def read_text(path: str | Path, most: int = 16 * MIB) -> str:
    """Return the text of a regular UTF-8 file of at most `most` bytes; raise OSError or UnicodeDecodeError."""
    return read_bytes(path, most).decode("utf-8")
