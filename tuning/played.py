"""The result of a sweep: its trials, the best of them, and their findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arena.experiments.ledger import TrialRecord, read_all
from arena.experiments.trials import Trials
from arena.runs import cells
from arena.tuning.plan import Sweep, load

if TYPE_CHECKING:
    from arena.tuning.report.sensitivity import Findings

SHOWN = 10
"""Most trials that a notebook shows."""


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

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the best trials by the first objective, and the pictures."""
        ended = sorted((r for r in self.records if r.values and r.status == "finished"), key=lambda r: next(iter(r.values.values())))
        rows = [(r.number, *r.point.values(), *r.values.values()) for r in ended[:SHOWN]]
        head = ("trial", *ended[0].point, *ended[0].values) if ended else ()
        text = f"{len(self.records)} trials, of which {len(ended)} finished; the best of them:"
        pictures = "".join(cells.picture(file) for file in sorted(self.folder.glob("*.png")))
        return f"<p>{text}</p>" + cells.table(rows, head) + pictures + cells.table([("folder", self.folder)])

    @property
    def best(self) -> TrialRecord | None:
        """The best point by the first objective, of those that finished."""
        return self.trials.best

    @property
    def trials(self) -> Trials:
        """The trials, for reports."""
        return trials_of_sweep(self.sweep, self.folder, self.records)

    @property
    def front(self) -> list[TrialRecord]:
        """The Pareto front: points that no other beats in every objective."""
        return front_of(self.records)


def front_of(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials played to their ends that no other beats in every objective."""
    whole = [record for record in records if record.whole]
    return [a for a in whole if not any(_dominates(b, a) for b in whole)]


def _dominates(a: TrialRecord, b: TrialRecord) -> bool:
    pairs = [(a.values[name], b.values[name]) for name in a.values]
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def trials_of_sweep(sweep: Sweep, folder: Path, records: Sequence[TrialRecord]) -> Trials:
    """Return the trials of a sweep."""
    return Trials(folder, records, sweep.base(), sweep.config, sweep.space.words(), sweep.ceiling, active=sweep.configs.active)


def trials(folder: Path) -> Trials:
    """Return the trials of a sweep's folder."""
    return trials_of_sweep(load(folder), folder, read_all(folder))
