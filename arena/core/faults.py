"""Errors of foreign code, such as a user's game, as one sentence: what failed, how, and where."""

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from arena.core.memory import out_of_memory
from arena.errors import ArenaError, GameFault, cause


@contextlib.contextmanager
def faults_of(what: str) -> Iterator[None]:
    """Raise GameFault for any error within the block that is not the project's own, nor about memory; nothing in it writes files.

    Args:
        what: The part that runs, such as `TugOfWar.score`.

    Example:
        >>> with faults_of("Tug.score"):
        ...     [][0]
        Traceback (most recent call last):
        ...
        arena.errors.GameFault: Tug.score failed (IndexError: list index out of range; <doctest arena.core.faults.faults_of[0]>, line 2)
    """
    try:
        yield
    except ArenaError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        raise GameFault(f"{what} failed ({described(error)})") from error


def described(error: Exception) -> str:
    """Return an error's class, the beginning of its text, and the innermost line of code that is neither Python's nor a library's."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _of_library(frame.filename)]
    return f"{cause(error)}; {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else cause(error)


def _of_library(file: str) -> bool:
    return "site-packages" in file or file in (contextlib.__file__, __file__) or file.startswith("<frozen")
