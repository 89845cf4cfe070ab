"""The results of a map: the table with one row for each run, and the verdict on each cell."""

import csv
import io
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.errors import ArenaError, cause, typed
from arena.experiments.map.plan import Grid, Key
from arena.experiments.outcome import Outcome
from arena.experiments.tables import csv_of
from arena.experiments.values import Value
from arena.experiments.verdict import NEAR, REACHED, Verdict
from arena.runs.status import status_of
from arena.trace import damaged
from arena.trace.reading import read_text
from arena.trace.writing import write_whole

COLUMNS = ["x", "y", "seed", "status", "collapsed", "score", "start", "turns", "reason"]
FINISHED = "finished"


@dataclass(frozen=True)
class Cell:
    """One cell, over its seeds.

    Args:
        x: value of the first setting.
        y: value of the second.
        verdict: of most of its seeds; the status finished if nothing else follows from their last scores.
        score: the (lower) median over the seeds, in which a seed without a score is the worst; nan if most have none.
    """

    x: Value
    y: Value
    verdict: Verdict | str
    score: float


def cells(found: Grid, runs: Mapping[Key, Outcome], ceiling: float | None) -> list[Cell]:
    """Return every cell of a map, row by row from below.

    A cell has diverged, failed, is undefined or has collapsed if more than half of its seeds have. It has converged if most of its seeds
    solved the game, or if its score is below `NEAR` times that of real data; without the latter, below `REACHED` times the score before the
    first turn.
    """
    made = []
    for y in found.y.values:
        for x in found.x.values:
            own = [runs[x, y, seed] for seed in found.seeds if (x, y, seed) in runs]
            made.append(Cell(x, y, *summary(own, ceiling)))
    return made


def summary(runs: Sequence[Outcome], ceiling: float | None) -> tuple[Verdict | str, float]:
    """Return the verdict and the score of a cell.

    Example:
        >>> good, bad = Outcome("finished", 10, 0.5, 0.9), Outcome("diverged", 3, 30.0, 0.9)
        >>> [(str(v), score) for v, score in (summary([good, bad, good], 0.3), summary([good, bad, bad], 0.3), summary([], 0.2))]
        [('converged', 0.5), ('diverged', nan), ('unfinished', nan)]
    """
    if not runs:
        return Verdict.UNFINISHED, math.nan
    gone = [run.gone for run in runs]
    if 2 * sum(gone) > len(runs):
        counts = Counter(run.status for run in runs)
        most = next((status for status in ("failed", "undefined") if 2 * counts[status] > sum(gone)), "diverged")
        return Verdict(most), math.nan
    ranked = sorted(math.inf if without else run.score for run, without in zip(runs, gone, strict=True))
    score = ranked[(len(ranked) - 1) // 2]
    if 2 * sum(run.collapsed for run in runs) > len(runs):
        return Verdict.COLLAPSED, score
    goal = NEAR * ceiling if ceiling is not None else REACHED * statistics.median(run.start for run in runs)
    solved = 2 * sum(run.status == "solved" for run in runs) > len(runs)
    return (Verdict.CONVERGED if solved or score <= goal else FINISHED), score


def best(made: Iterable[Cell]) -> Cell | None:
    """Return the cell with the lowest score of those that have not collapsed."""
    there = [cell for cell in made if cell.verdict in (Verdict.CONVERGED, FINISHED)]
    return min(there, key=lambda cell: cell.score, default=None)


def write(found: Grid, runs: Mapping[Key, Outcome], path: Path) -> None:
    """Write the table of all runs so far."""
    write_whole(path, _text(found, runs))


def _text(found: Grid, runs: Mapping[Key, Outcome]) -> str:
    """Return the table of runs, in the order of the plan."""
    rows = []
    for key in found.keys:
        if (run := runs.get(key)) is not None:
            fields = [*key, run.status, int(run.collapsed), run.score, run.start, run.turns, run.reason]
            rows.append(dict(zip(COLUMNS, fields, strict=True)) | dict(run.signals))
    return csv_of(rows, COLUMNS)


def read(found: Grid, path: Path) -> dict[Key, Outcome]:
    """Return the runs of a table by key.

    Raises:
        ArenaError: if it is not the table of the plan.
    """
    runs, damage = _parse(found, path)
    if damage:
        raise ArenaError(
            f"{path} is not the table of this map ({damage}). Fix: arena resume {typed(path.parent)}, which plays those runs again"
        )
    return runs


def repaired(found: Grid, path: Path) -> dict[Key, Outcome]:
    """Return the runs of the whole rows of a table; if others are damaged, the file is kept beside, and written again."""
    runs, damage = _parse(found, path)
    if damage:
        damaged.repaired(path, _text(found, runs), f"{damage}. Its {len(runs):,} whole rows are used, and the other runs are played again")
    return runs


def _parse(found: Grid, path: Path) -> tuple[dict[Key, Outcome], str]:
    """Return the runs of a table by key, and what is wrong with the first row that is none."""
    keys = {tuple(map(str, key)): key for key in found.keys}
    runs: dict[Key, Outcome] = {}
    wrong = list[str]()
    try:
        text = read_text(path)
    except UnicodeDecodeError as error:
        return {}, f"it is no text ({error.reason} at byte {error.start:,})"
    except OSError as error:
        raise ArenaError(f"the table {path} cannot be read ({error.strerror}). Fix: restore it, or draw the map again") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    while True:
        try:
            if (row := next(rows, None)) is None:
                break
            signals = {name: float(row[name]) for name in row if name not in COLUMNS and row[name] != ""}
            fields = (status_of(row["status"]), int(row["turns"]), float(row["score"]), float(row["start"]), row["reason"], signals)
            runs[keys[row["x"], row["y"], row["seed"]]] = Outcome(*fields, collapsed=row["collapsed"] == "1")
        except (csv.Error, KeyError, ValueError, TypeError) as error:
            wrong.append(f"line {rows.line_num}: {cause(error)}")
    if text and not text.endswith("\n"):
        runs.pop(next(reversed(runs), None), None)  # type: ignore[arg-type]  # its last number may be cut
        wrong.append("its last row is cut")
    return runs, wrong[0] if wrong else ""
