"""File locks that the kernel releases when their holder ends, so that they also show which processes are alive."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO


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
