"""The outcome of one run of an experiment."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from arena.config.config import Config
from arena.experiments.verdict import Verdict
from arena.runs.status import WHOLE, Status

FLED = 10.0
"""Multiple of its score before the first turn above which a run has diverged, although all its numbers are finite."""
UNMOVED = 0.05
"""Share of its first score within which a run is still where it began: untrained players have not collapsed."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run.

    Args:
        status: how it ended.
        turns: turns played.
        score: at the end; nan if it diverged, failed or was undefined.
        start: the score before the first turn.
        reason: why it diverged, failed, was undefined or was stopped; empty otherwise.
        signals: the last signals by name.
        criterion: the game's criterion at the end if it was measured, else the score.
        collapsed: whether the game reports that a player has collapsed.
        config: the configuration that was played; None if the outcome was read from a file.
    """

    status: Status
    turns: int
    score: float
    start: float = math.nan
    reason: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)
    criterion: float = math.nan
    collapsed: bool = False
    config: Config | None = None

    @property
    def gone(self) -> bool:
        """Whether it has no score because it diverged, failed or was undefined."""
        return self.status in ("diverged", "undefined", "failed")


def value_of(status: str, criterion: float, verdict: str, untrained: float) -> float:
    """Return the value by which a run is ranked, lower is better and always finite.

    A run that ended is worth its criterion, at most the penalty of `FLED` times that of untrained players. The penalty is for runs that
    diverged, failed or were undefined. A run that leaves the solution is worth at least as much as untrained players, because a seed that
    begins near the solution hides that it leaves it; so is a run that another alarm stopped.

    Args:
        status: of the run.
        criterion: at its end.
        verdict: the reading of its scores.
        untrained: the criterion of untrained players.

    Example:
        >>> [value_of(*run, untrained=2.0) for run in (("finished", 0.5, "converged"), ("finished", 0.5, "diverged"))]
        [0.5, 2.0]
        >>> [value_of(*run, untrained=2.0) for run in (("diverged", math.nan, "diverged"), ("alarmed", math.nan, "collapsed"))]
        [20.0, 2.0]
    """
    if status == "alarmed" and verdict != Verdict.DIVERGED:
        return untrained
    if status not in WHOLE or not math.isfinite(criterion):
        return FLED * untrained
    return min(max(criterion, untrained if verdict == Verdict.DIVERGED else -math.inf), FLED * untrained)


def judged(outcome: Outcome, collapsed: bool) -> Outcome:
    """Return an outcome that has diverged if its score fled, and collapsed if the game reports so and the score has moved.

    Args:
        outcome: of one run.
        collapsed: the game's report on the last signals.

    Example:
        >>> far = judged(Outcome("finished", 9, 30.0, start=2.0), False)
        >>> far.status, far.reason
        ('diverged', 'the score ended at 30, more than 10 times the 2 before the first turn')
    """
    status, reason = outcome.status, outcome.reason
    if status == "finished" and outcome.score > FLED * outcome.start:
        status = "diverged"
        reason = f"the score ended at {outcome.score:.3g}, more than {FLED:g} times the {outcome.start:.3g} before the first turn"
    moved = abs(outcome.score - outcome.start) > UNMOVED * abs(outcome.start)
    there = collapsed and moved and status == "finished"
    return dataclasses.replace(outcome, status=status, reason=reason, collapsed=there, config=None)
