"""What happens when a run or an experiment has ended, such as its report.

A package adds one in the entry-point group `arena.endings`: its name = a function of the folder that returns a text to show. The lines with
name and text come first in what the command prints; an empty text has no line.
"""

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from arena.errors import ArenaError


def endings(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each ending; one that fails yields why, and the others go on."""
    for point in sorted(entry_points(group="arena.endings"), key=lambda point: point.name):
        try:
            yield point.name, str(point.load()(folder))
        except ArenaError as error:
            yield point.name, f"none: {error}"
