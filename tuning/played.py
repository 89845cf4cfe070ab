"""The result of a sweep: its trials, the best of them, and their findings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arena.experiments.ledger import TrialRecord, read_all
from arena.experiments.map.reading import Trials
from arena.experiments.outcome import Outcome
from arena.runs.status import Status
from arena.tuning.plan import Sweep, load

if TYPE_CHECKING:
    from arena.tuning.report.sensitivity import Findings


@dataclass(frozen=True)
class Played:
    """A sweep that has been played.

    Args:
        folder: of the sweep.
        sweep: the plan.
        records: all trials, by number.
        findings: of the report; None if there are too few trials.
    """

    folder: Path
    sweep: Sweep
    records: list[TrialRecord]
    findings: "Findings | None"

    @property
    def best(self) -> TrialRecord | None:
        """The best point by the first objective, of those that finished."""
        return best(self.records)

    @property
    def front(self) -> list[TrialRecord]:
        """The Pareto front: points that no other beats in every objective."""
        whole = [record for record in self.records if record.status == "finished"]
        return [a for a in whole if not any(_dominates(b, a) for b in whole)]


def best(records: Sequence[TrialRecord]) -> TrialRecord | None:
    """Return the record with the lowest first objective, of those that finished."""
    return min((record for record in records if record.status == "finished"), key=lambda record: record.value, default=None)


def _dominates(a: TrialRecord, b: TrialRecord) -> bool:
    pairs = [(a.values[name], b.values[name]) for name in a.values]
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def trials(folder: Path) -> Trials:
    """Return the trials of a sweep's folder, for a report of another kind."""
    sweep, runs = load(folder), []
    for record in read_all(folder):
        for run in record.runs if record.whole else ():
            start = run.history[0][1] if run.history else math.nan
            score = math.nan if run.score is None else run.score
            status: Status = "diverged" if run.verdict == "diverged" else run.status
            outcome = Outcome(status, run.turns, score, start, run.reason, run.signals, collapsed=run.verdict == "collapsed")
            runs.append((record.point, outcome))
    return Trials({"game": sweep.game, **sweep.settings}, sweep.arguments, runs, sweep.ceiling)
