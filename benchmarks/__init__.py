"""Benchmarks: the arena against the loops that a user would write by hand. `make bench` prints the table."""

import sys
from types import TracebackType

from arena.errors import ArenaError


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Data that are not there, say, end a command in the sentence that says so."""
    if isinstance(error, ArenaError):
        print(f"benchmarks: {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _told
