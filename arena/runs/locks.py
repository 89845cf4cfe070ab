"""File locks that the kernel releases when their holder ends, so that they also show which processes are alive."""

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from arena.errors import ArenaError


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """While inside, this process alone holds the lock of that file."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hold(path: Path) -> IO[str]:
    """Hold the lock of that file until the process ends, or what is returned is closed."""
    path.parent.mkdir(exist_ok=True)
    file = path.open("a")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


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
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """While inside, this process alone writes into a folder; on a file system without locks, nothing is locked.

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
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ArenaError(f"{folder} is in use by {file.read(200).strip()}. Fix: wait for its end, or stop it") from None
        except OSError:
            yield
            return
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield
