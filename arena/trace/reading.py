"""Reading files that somebody else may have written: regular ones alone, and no more than a bound."""

import errno
import os
import stat
from pathlib import Path

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
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"it is larger than {most // MIB:,} MiB", str(path))
        return file.read(status.st_size)


def read_text(path: str | Path, most: int = 16 * MIB) -> str:
    """Return the text of a regular UTF-8 file of at most `most` bytes; raise OSError or UnicodeDecodeError."""
    return read_bytes(path, most).decode("utf-8")
