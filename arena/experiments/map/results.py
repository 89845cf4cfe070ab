"""What the runs of a map say: the table with one row for each, and what follows for every cell.

The thresholds are constants here or of the game, so that a map can be argued with.
"""

import csv
import math
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from arena.errors import ArenaError
from arena.experiments.map.plan import Key, Plan
from arena.experiments.populations import Outcome
from arena.experiments.values import Value
from arena.experiments.verdict import NEAR, REACHED

COLUMNS = ["x", "y", "seed", "status", "collapsed", "score", "start", "turns", "reason"]

FLED = 10.0
"""Multiple of its score before the first turn above which a run counts as diverged, though all numbers are still finite."""
UNMOVED = 0.05
"""Share of its first score within which a run is where it began: untrained players are not taken for collapsed ones."""


class State(StrEnum):
    """What became of a cell."""

    CONVERGED = "converged"
    PLAYED = "played"
    COLLAPSED = "collapsed"
    DIVERGED = "diverged"
    UNDEFINED = "undefined"
    MISSING = "not played"


@dataclass(frozen=True)
class Run:
    """One run of a map.

    Args:
        status: finished, solved, diverged or undefined.
        collapsed: whether the game says so of its last signals, and the score is not where it began.
        score: at the end; nan where the players were not finite or the rule was undefined.
        start: the score before the first turn.
        turns: that were played.
        reason: why it diverged or was undefined.
        signals: the last ones, by name.
    """

    status: str
    collapsed: bool
    score: float
    start: float
    turns: int
    reason: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)


def run_of(outcome: Outcome, collapsed: bool) -> Run:
    """What an outcome means on a map.

    Args:
        outcome: of one configuration.
        collapsed: what the game says of its last signals.

    Example:
        >>> from arena.config import configure
        >>> far = Outcome(configure("bilinear"), "finished", 9, 30.0, None, {}, 2.0)
        >>> run_of(far, False).status, run_of(far, False).reason
        ('diverged', 'the score ended at 30, more than 10 times the 2 before the first turn')
    """
    status, reason = outcome.status, outcome.reason or ""
    if status == "finished" and outcome.score > FLED * outcome.start:
        status = "diverged"
        reason = f"the score ended at {outcome.score:.3g}, more than {FLED:g} times the {outcome.start:.3g} before the first turn"
    moved = abs(outcome.score - outcome.start) > UNMOVED * abs(outcome.start)
    there = collapsed and moved and status == "finished"
    return Run(status, there, outcome.score, outcome.start, outcome.turns, reason, outcome.signals)


@dataclass(frozen=True)
class Cell:
    """One cell, over its seeds.

    Args:
        x: value of the first setting.
        y: value of the second.
        state: what most of its seeds came to.
        score: the median over the seeds (of an even number the lower of the two in the middle), those without a score counting as the
            worst; nan where most have none.
    """

    x: Value
    y: Value
    state: State
    score: float


def cells(found: Plan, runs: Mapping[Key, Run], ceiling: float | None) -> list[Cell]:
    """Every cell of a map, row by row from below.

    A cell has diverged, is undefined or has collapsed where more than half of its seeds have. It has converged where most of its seeds
    have solved the game, or its score is within `NEAR` times of what real data score; where that means nothing, below `REACHED` of
    what it was before the first turn.
    """
    made = []
    for y in found.y.values:
        for x in found.x.values:
            own = [runs[x, y, seed] for seed in found.seeds if (x, y, seed) in runs]
            made.append(Cell(x, y, *_summary(own, ceiling)))
    return made


def _summary(runs: Sequence[Run], ceiling: float | None) -> tuple[State, float]:
    """
    Example:
        >>> good, bad = Run("finished", False, 0.5, 0.9, 10), Run("diverged", False, 30.0, 0.9, 3)
        >>> _summary([good, bad, good], 0.3), _summary([good, bad, bad], 0.3), _summary([good], 0.2)
        ((<State.CONVERGED: 'converged'>, 0.5), (<State.DIVERGED: 'diverged'>, nan), (<State.PLAYED: 'played'>, 0.5))
    """
    if not runs:
        return State.MISSING, math.nan
    lost = [run.status in ("diverged", "undefined") for run in runs]
    if 2 * sum(lost) > len(runs):
        undefined = sum(run.status == "undefined" for run in runs)
        return (State.UNDEFINED if 2 * undefined > sum(lost) else State.DIVERGED), math.nan
    ranked = sorted(math.inf if gone else run.score for run, gone in zip(runs, lost, strict=True))
    score = ranked[(len(ranked) - 1) // 2]
    if 2 * sum(run.collapsed for run in runs) > len(runs):
        return State.COLLAPSED, score
    goal = NEAR * ceiling if ceiling is not None else REACHED * statistics.median(run.start for run in runs)
    solved = 2 * sum(run.status == "solved" for run in runs) > len(runs)
    return (State.CONVERGED if solved or score <= goal else State.PLAYED), score


def best(made: Iterable[Cell]) -> Cell | None:
    """The cell with the lowest score of those that have one and have not collapsed."""
    there = [cell for cell in made if cell.state in (State.CONVERGED, State.PLAYED)]
    return min(there, key=lambda cell: cell.score, default=None)


def write(found: Plan, runs: Mapping[Key, Run], path: Path) -> None:
    """The table of all runs so far, in the order of the plan; it is replaced as a whole, so that it is never torn."""
    names = list(dict.fromkeys(name for run in runs.values() for name in run.signals))
    beside = path.with_suffix(".csv.new")
    with beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *names])
        for key in found.keys:
            if (run := runs.get(key)) is not None:
                told = [run.status, int(run.collapsed), run.score, run.start, run.turns, run.reason]
                writer.writerow([*key, *told, *(run.signals.get(name, "") for name in names)])
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read(found: Plan, path: Path) -> dict[Key, Run]:
    """The runs of a table that belong to the plan.

    Raises:
        ArenaError: where it is no such table.
    """
    keys = {tuple(map(str, key)): key for key in found.keys}
    runs: dict[Key, Run] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                signals = {name: float(row[name]) for name in row if name not in COLUMNS and row[name] != ""}
                told = (row["status"], row["collapsed"] == "1", float(row["score"]), float(row["start"]), int(row["turns"]), row["reason"])
                runs[keys[row["x"], row["y"], row["seed"]]] = Run(*told, signals)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ArenaError(f"{path} is not the table of this map ({error}); restore it, or draw the map again") from error
    return runs
