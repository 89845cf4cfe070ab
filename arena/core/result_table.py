"""The result table of a game: a comparison of variants in the terms of the game's literature.

`Game.comparison` makes such a table from the final numbers of the runs. The table replaces the default one, and is saved as `table.md`
beside `comparison.csv`.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.core.measures import is_finite


@dataclass(frozen=True)
class VariantResult:
    """Results of one variant of a comparison over its seeds.

    Args:
        varied: Varied settings, as text.
        settings: Every setting by dotted name; the seed is that of the first run.
        ends: Last number of every field of the trace, for each run that finished.
        runs: Number of planned runs.

    Example:
        >>> VariantResult({"regime": "adapt"}, {}, ({"score": 0.1}, {"score": 0.3}), runs=3).spread("score")
        (0.2, 0.1414213562373095)
    """

    varied: Mapping[str, str]
    settings: Mapping[str, Any]
    ends: Sequence[Mapping[str, Any]]
    runs: int

    def values(self, field: str) -> list[float]:
        """Return the last numbers of a field, for the runs with a finite one."""
        return [value for end in self.ends if is_finite(value := end.get(field))]

    def spread(self, field: str) -> tuple[float, float] | None:
        """Return mean and standard deviation of a field (0 for a single run); None if no run has the field."""
        values = self.values(field)
        if not values:
            return None
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class ResultTable:
    """A table of text with notes below.

    Args:
        head: Titles of the columns.
        rows: One cell per column each.
        notes: Sentences below the table.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table as Markdown.

        Example:
            >>> print(ResultTable(["regime", "accuracy"], [["adapt", "95.9"]], ["Means over seeds."]).markdown())
            | regime | accuracy |
            |---|---|
            | adapt | 95.9 |
            <BLANKLINE>
            Means over seeds.
        """
        lines = ["| " + " | ".join(cells) + " |" for cells in (self.head, *self.rows)]
        lines.insert(1, "|" + "---|" * len(self.head))
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])
