"""The result of a map: its runs, its cells and the paths of its files."""

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from arena.experiments.map.plan import PICTURE, TABLE, Grid, Key
from arena.experiments.map.results import Cell, best, cells
from arena.experiments.outcome import Outcome


@dataclass(frozen=True)
class Map:
    """A map that has been played.

    Args:
        folder: of the map.
        plan: its cells, each with a configuration.
        runs: outcomes by value of x, value of y and seed.
        ceiling: score of real data; None if there is none or it differs between cells.
    """

    folder: Path
    plan: Grid
    runs: dict[Key, Outcome]
    ceiling: float | None

    @property
    def cells(self) -> list[Cell]:
        """All cells, row by row from below."""
        return cells(self.plan, self.runs, self.ceiling)

    @property
    def untrained(self) -> float:
        """The score of untrained players: the median over all runs; nan if there are none."""
        starts = [run.start for run in self.runs.values() if math.isfinite(run.start)]
        return statistics.median(starts) if starts else math.nan

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
