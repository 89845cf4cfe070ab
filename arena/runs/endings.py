"""What happens when a run or an experiment has ended, such as its report.

A package adds one in the entry-point group `arena.endings`: its name = a function of the folder that returns a text to show. The lines with
name and text come first in what the command prints: the report, the verdict, then the others by name. An empty text has no line.
"""

import contextlib
from collections.abc import Collection, Iterator
from importlib.metadata import entry_points
from pathlib import Path

from arena.errors import ArenaError

GROUP = "arena.endings"
FIRST = ("report", "verdict")
"""Endings whose lines come first, in this order."""


def endings(folder: Path, but: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each ending `but` the named ones; one that fails yields why, and the others go on."""
    for point in sorted(entry_points(group=GROUP), key=lambda point: ([*FIRST, point.name].index(point.name), point.name)):
        if point.name in but:
            continue
        try:
            yield point.name, str(point.load()(folder))
        except ArenaError as error:
            yield point.name, f"none: {error}"


def ending(name: str, folder: Path) -> str:
    """Return the text of one ending; nothing if no package adds it, or it fails."""
    with contextlib.suppress(ArenaError):
        for point in entry_points(group=GROUP, name=name):
            return str(point.load()(folder))
    return ""
