"""What a reader returns: parts of a data set, such as train and test, that are read block by block.

A reader is a module below `arena.readers`, one file for each format, with two functions:

    fits(source) → bool                  whether a path, or an object in Python, is in its format
    parts(source) → {name: Part}         its parts; "" for a data set without parts

A reader runs no code that a file names, and reads a source larger than memory block by block.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from arena.errors import DataUnavailable

AT_ONCE = 256
"""Examples of a block."""

Block = tuple[Any, Sequence[Any] | None]
"""Examples, as an array (n, …) or a list of arrays and PIL images, and their labels, if there are any: whole numbers or words."""


@dataclass(frozen=True)
class Part:
    """A part of a data set.

    Args:
        count: Number of examples.
        blocks: Function that reads all examples from the first one on.
    """

    count: int
    blocks: Callable[[], Iterator[Block]]


def reader_of(source: object) -> ModuleType:
    """Return the reader of a path or an object; raise DataUnavailable if there is none.

    Example:
        >>> import numpy as np
        >>> reader_of(np.zeros((5, 2))).__name__
        'arena.data.readers.arrays'
        >>> reader_of(Path("/proc/version"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        arena.errors.DataUnavailable: /proc/version is in no known format. Expected one of arrays, ...; docs/data.md describes them
    """
    points = sorted(entry_points(group="arena.readers"), key=lambda point: point.name)
    for point in points:
        reader: ModuleType = point.load()
        if reader.fits(source):
            return reader
    if isinstance(source, Path) and not source.exists():
        raise DataUnavailable(f"{source} does not exist. Expected the path of a data set")
    named = source if isinstance(source, Path) else f"a {type(source).__name__}"
    names = ", ".join(point.name for point in points)
    raise DataUnavailable(f"{named} is in no known format. Expected one of {names}; docs/data.md describes them")
