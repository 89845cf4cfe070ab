"""A table of a game's own: what a comparison of its variants says in the words of its literature.

A game that has such a table overrides `Game.comparison`; the arena hands it the variants with the numbers at which their runs ended, prints
the table in the place of its own, and keeps it as `table.md` beside `comparison.csv`.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Variant:
    """One variant of a comparison, over its seeds.

    Args:
        varied: what varies in it, by setting, as words.
        settings: every setting by dotted name; the seed is that of its first run.
        ends: of each run that was played to its end, the last number of every field of its trace.
        runs: how many runs were to be played.

    Example:
        >>> Variant({"regime": "adapt"}, {}, ({"score": 0.1}, {"score": 0.3}), runs=3).spread("score")
        (0.2, 0.1414213562373095)
    """

    varied: Mapping[str, str]
    settings: Mapping[str, Any]
    ends: Sequence[Mapping[str, Any]]
    runs: int

    def values(self, field: str) -> list[float]:
        """A field's last numbers, of the runs that have a finite one."""
        there = [end.get(field) for end in self.ends]
        return [value for value in there if isinstance(value, (int, float)) and math.isfinite(value)]

    def spread(self, field: str) -> tuple[float, float] | None:
        """Mean and standard deviation of a field over those runs, the latter 0 of one; None where no run has the field."""
        values = self.values(field)
        if not values:
            return None
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class OwnTable:
    """Rows of words under a head, and what must be said below them.

    Args:
        head: one word or more a column.
        rows: as many cells each.
        notes: sentences below the table.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table as Markdown.

        Example:
            >>> print(OwnTable(["regime", "accuracy"], [["adapt", "95.9"]], ["Means over seeds."]).markdown())
            | regime | accuracy |
            |---|---|
            | adapt | 95.9 |
            <BLANKLINE>
            Means over seeds.
        """
        lines = ["| " + " | ".join(cells) + " |" for cells in (self.head, *self.rows)]
        lines.insert(1, "|" + "---|" * len(self.head))
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])
