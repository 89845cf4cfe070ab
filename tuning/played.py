"""The result of a sweep: its trials, the best of them, and their findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arena.experiments.ledger import Record
from arena.tuning.plan import Sweep

if TYPE_CHECKING:
    from arena.tuning.report.sensitivity import Findings


@dataclass(frozen=True)
class Played:
    """A sweep that has been played.

    Args:
        folder: where everything is.
        sweep: what was played.
        records: all trials, by number.
        findings: what they say; None where nothing could be said.
    """

    folder: Path
    sweep: Sweep
    records: list[Record]
    findings: "Findings | None"

    @property
    def best(self) -> Record | None:
        """The point that is best by the first objective, of those that were played to their ends."""
        return best(self.records)

    @property
    def front(self) -> list[Record]:
        """Points than which no other is better by every objective."""
        whole = [record for record in self.records if record.state == "complete"]
        return [a for a in whole if not any(_dominates(b, a) for b in whole)]


def best(records: Sequence[Record]) -> Record | None:
    """The record that is lowest by the first objective, of those that were played to their ends."""
    return min((record for record in records if record.state == "complete"), key=lambda record: record.value, default=None)


def _dominates(a: Record, b: Record) -> bool:
    pairs = [(a.values[name], b.values[name]) for name in a.values]
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)
