"""Memory: the error sentence when it runs out, and how the process keeps what tensors have freed."""

import contextlib
import ctypes
import functools
import re
from collections.abc import Iterator

from arena.errors import RunFailed

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
_LIMIT = 1 << 30


@functools.cache
def keep_freed_memory() -> bool:
    """Let the C library keep freed blocks of up to a gigabyte for later tensors. Return whether it accepted.

    By default glibc returns large blocks to the system as soon as they are freed, and the next tensor pays for every page of them
    again: in a population of 64 games with two layers of 32 units that was half of a turn.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _LIMIT)) and bool(mallopt(_MMAP_THRESHOLD, _LIMIT))


_SIGNS = (
    *("allocate memory", "bad_alloc", "can't start new thread", "failed to map segment", "cannot allocate"),
    *("Storage size calculation overflowed", "Overflow when unpacking long"),
)
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def out_of_memory(error: BaseException) -> bool:
    """Return whether memory has run out, on a GPU or on the CPU, or could never hold the requested tensor; the error's causes count.

    Example:
        >>> try:
        ...     raise ImportError("the install seems to be broken") from ImportError("lib.so: failed to map segment from shared object")
        ... except ImportError as error:
        ...     out_of_memory(error)
        True
    """
    if error.__cause__ is not None and out_of_memory(error.__cause__):  # a library may blame its installation
        return True
    on_gpu = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    return on_gpu or isinstance(error, MemoryError) or any(sign in str(error) for sign in _SIGNS)


def short_of_memory(error: BaseException, what: str, lower: str) -> RunFailed:
    """Return the error to raise when memory has run out.

    Args:
        error: The error that torch or Python raised.
        what: First clause, such as "the memory of cpu does not hold a turn of SwissRoll".
        lower: The fix, such as "take a smaller batch".

    Example:
        >>> error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 80000000000 bytes.")
        >>> print(short_of_memory(error, "memory has run out", "take a smaller batch"))
        memory has run out (74.5 GiB were requested at once); take a smaller batch
    """
    requested = re.search(r"allocate ([\d.]+) (bytes|[KMGTPE]iB)", str(error))
    return RunFailed(f"{what}{f' ({_amount(*requested.groups())} were requested at once)' if requested else ''}; {lower}")


@contextlib.contextmanager
def in_memory(what: str, lower: str) -> Iterator[None]:
    """Raise `short_of_memory(…, what, lower)` if memory runs out within the block."""
    try:
        yield
    except (MemoryError, RuntimeError, TypeError) as error:
        if not out_of_memory(error):
            raise
        raise short_of_memory(error, what, lower) from error


def _amount(number: str, unit: str) -> str:
    size, step = float(number), _UNITS.index(unit)
    while size >= 1000 and step + 1 < len(_UNITS):
        size, step = size / 1024, step + 1
    return f"{size:.3g} {_UNITS[step]}"
