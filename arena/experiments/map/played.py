"""The result of a map: what became of every run and cell, and the paths of its files."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from arena.experiments.map.plan import PICTURE, TABLE, Key, Plan
from arena.experiments.map.results import Cell, best, cells
from arena.experiments.outcome import Outcome


@dataclass(frozen=True)
class Map:
    """A map that has been played.

    Args:
        folder: where everything is.
        plan: what was played.
        runs: what became of every run, by its value of x, its value of y and its seed.
        ceiling: what real data score; None where that means nothing or differs from cell to cell.
    """

    folder: Path
    plan: Plan
    runs: dict[Key, Outcome]
    ceiling: float | None

    @property
    def cells(self) -> list[Cell]:
        """Every cell, row by row from below."""
        return cells(self.plan, self.runs, self.ceiling)

    @property
    def untrained(self) -> float:
        """What players score before the first turn: the median over all runs."""
        return statistics.median(run.start for run in self.runs.values())

    @property
    def best(self) -> Cell | None:
        """The cell with the lowest score."""
        return best(self.cells)

    @property
    def picture(self) -> Path:
        return self.folder / PICTURE

    @property
    def table(self) -> Path:
        return self.folder / TABLE
