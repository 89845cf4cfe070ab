"""The table of an experiment: a row for each point, with the mean ± SD over its seeds, and the verdicts."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from arena.core.result_table import ResultTable
from arena.experiments.ledger import TrialRecord
from arena.experiments.trials import Trials, trials_of
from arena.experiments.values import word_of
from arena.experiments.verdict import Verdict
from arena.runs.display import show_table, table_of, terminal

SHADES = {
    Verdict.CONVERGED: "green",
    Verdict.CONVERGING: "green",
    Verdict.CYCLING: "yellow",
    Verdict.DIVERGED: "red",
    Verdict.STUCK: "magenta",
    Verdict.PLATEAU: "magenta",
    Verdict.FAILED: "red",
}
REASONS = 20
"""Largest number of points that have a line with a reason below the table."""


def report(folder: Path, names: Sequence[str] = ()) -> None:
    """Print the table of an experiment's folder; of its settings the named ones only."""
    show(trials_of(folder, names), names)


def show(trials: Trials, names: Sequence[str] = (), console: Console | None = None) -> None:
    """Print the table of a game's literature, or else that of the trials, and the reasons why runs stopped."""
    console = console or terminal()
    own = None if names else trials.own_table
    show_table(console, table(trials, names) if own is None else table_of_game(own))
    for note in () if own is None else own.notes:
        console.print(f"  {note}", highlight=False, markup=False)
    stopped = [(record, reason) for record in trials.records for reason in [record.why] if reason]
    for record, reason in stopped[:REASONS]:
        label = ", ".join(f"{name}={word_of(v)}" if len(trials.vary) > 1 else word_of(v) for name, v in record.point.items())
        console.print(f"  [bold]{_plain(label)}[/]: {_plain(reason)}", highlight=False, soft_wrap=True)
    if len(stopped) > REASONS:
        console.print(f"  … and {len(stopped) - REASONS} more", highlight=False)
    if text := failures(trials.records):
        console.print(f"  [red]failed[/]  {_plain(text)}", highlight=False, soft_wrap=True)


def table(trials: Trials, names: Sequence[str] = ()) -> Table:
    """Return a table with one row for each trial.

    A number is a mean over all seeds, and missing if one of them has not ended or has no finite number.
    """
    records, several = trials.records, len(trials.seeds) > 1
    score = "score (mean ± SD)" if several else "score"
    words = {name: [word_of(r.point.get(name, "–")) for r in records] for name in names or trials.vary} or {"variant": ["as it is"]}
    scores, rates = ([_spread(record, name) for record in records] for name in ("score", "contraction"))
    columns = {score: [_cell(value, ".3g", several) for value in scores]}
    if trials.ceiling is not None:
        columns["× real data"] = [_cell(value and (value[0] / trials.ceiling, 0.0), ".2f") for value in scores]
    for name in set(trials.objectives) - {"score", "cost"}:
        columns[name] = [f"{record.values[name]:.3g}" if record.whole else "–" for record in records]
    if any(rates):
        columns["contraction"] = [_cell(value, ".4f") for value in rates]
    if trials.theory:
        columns["theory"] = [f"{trials.theory[r.number]:.4f}" if r.number in trials.theory else "–" for r in records]
    if any(record.cost for record in records):
        columns["cost"] = [f"{record.cost / len(record.runs):,.0f}" if record.whole and record.runs else "–" for record in records]
    made = table_of(words, columns)
    made.add_column("verdict", overflow="fold")
    for row, (record, *cells) in enumerate(zip(records, *columns.values(), strict=True)):
        verdict = f"[{SHADES.get(record.verdict, 'dim')}]{record.verdicts}[/]"
        made.add_row(*(_plain(own[row]) for own in words.values()), *cells, verdict)
    return made


def failures(records: Sequence[TrialRecord]) -> str:
    """Return how many trials failed and the first reason; nothing if none failed."""
    failed = [record for record in records if Verdict.FAILED in (record.status, *(run.status for run in record.runs))]
    return f"{len(failed):,} of {len(records):,} points, such as {failed[0].number}: {failed[0].why}" if failed else ""


def table_of_game(found: ResultTable) -> Table:
    """Return the table of a game."""
    made = table_of(found.head)
    for cells in found.rows:
        made.add_row(*map(_plain, cells))
    return made


def _spread(record: TrialRecord, name: str) -> tuple[float, float] | None:
    """Return mean and standard deviation over the seeds."""
    values = [run.score if name == "score" else run.signals.get(name) for run in record.runs] if record.whole else []
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite or len(finite) < len(values):
        return None
    return statistics.fmean(finite), statistics.stdev(finite) if len(finite) > 1 else 0.0


def _cell(value: tuple[float, float] | None, form: str, several: bool = False) -> str:
    return "–" if value is None else f"{value[0]:{form}}" + (f" ± {value[1]:{form}}" if several else "")


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
