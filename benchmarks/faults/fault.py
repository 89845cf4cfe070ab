"""A row of the table: a fault, and what one attempt returns."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Attempt = Callable[[Path, random.Random], str]
"""Makes a fault in an empty folder; returns `survived`, `told`, or what went wrong."""


@dataclass(frozen=True)
class Fault:
    """A row of the table.

    Args:
        name: Of the row.
        how: How the fault is made.
        times: Attempts of the whole table.
        attempt: Makes it once.
        test: The test that makes it once.
    """

    name: str
    how: str
    times: int
    attempt: Attempt
    test: str
