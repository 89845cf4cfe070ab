"""File locks that the system releases when their holder ends, so that they also show which processes are alive.

On a file system without locks, such as NFS without a lock server, a file in this machine's temporary folder is locked in the place of each.
"""

import contextlib
import errno
import functools
import hashlib
import multiprocessing
import os
import platform
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from filelock import lock_descriptor

from arena.errors import ArenaError, ArenaWarning

WITHOUT = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of file systems without locks."""
POLL = 0.01
"""Seconds between two attempts to take a lock that another process holds."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """While inside, this process alone holds the lock of that file."""
    with _open(path):
        yield


def hold(path: Path) -> IO[str]:
    """Hold the lock of that file until the process ends, or what is returned is closed."""
    path.parent.mkdir(exist_ok=True)
    return _open(path)


def held(path: Path) -> bool:
    """Whether a process holds the lock of that file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "lock"
        >>> held(path)
        False
        >>> with hold(path):
        ...     held(path)
        True
    """
    if not path.exists():
        return False
    try:
        _open(path, waits=False).close()
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """While inside, this process alone writes into a folder.

    Raises ArenaError if another process does; the error names it and its host.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with alone_in(folder), alone_in(folder):  # doctest: +ELLIPSIS
        ...     pass
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: /... is in use by process ... on ... Fix: wait for its end, or stop it
    """
    try:
        file = _open(folder / ".lock", waits=False)
    except BlockingIOError as error:
        with open(error.filename, encoding="utf-8") as other:  # noqa: PTH123
            other.seek(1)  # Windows refuses to read the byte that is locked
            raise ArenaError(f"{folder} is in use by {other.read(200).strip()}. Fix: wait for its end, or stop it") from None
    with file:
        file.truncate(0)
        file.write(f" process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield


def _open(path: Path, *, waits: bool = True) -> IO[str]:
    """Return a file with its lock; raise BlockingIOError with its name if another process has that lock and this one does not wait."""
    file = path.open("a", encoding="utf-8")
    try:
        if lock_descriptor(file.fileno(), blocking=waits, poll_interval=POLL):
            return file
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    except OSError as error:
        file.close()
        if error.errno in WITHOUT and path.parent != (places := _places()):
            return _open(places / hashlib.sha256(os.fsencode(path.resolve())).hexdigest(), waits=waits)
        raise OSError(error.errno, error.strerror, str(path)) from None
    except BaseException:  # Ctrl-C while this waits
        file.close()
        raise


@functools.cache
def _places() -> Path:
    """Return the folder on this machine with the files that are locked in the place of others; the first process warns."""
    if multiprocessing.parent_process() is None:
        warnings.warn(ArenaWarning("the file system has no locks. Let only one machine at a time write into the folder"), stacklevel=2)
    user = os.getuid() if hasattr(os, "getuid") else 0  # Windows has a temporary folder for each user, and says 0
    folder = Path(tempfile.gettempdir()) / f"arena-locks-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != user:
        raise PermissionError(errno.EACCES, "it belongs to another user", str(folder))
    return folder
