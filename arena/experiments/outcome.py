"""The outcome of one run of an experiment."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from arena.config.config import Config
from arena.runs.status import Status

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
        score: at the end; nan if it diverged or was undefined.
        start: the score before the first turn.
        reason: why it diverged, was undefined or was stopped; empty otherwise.
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
        """Whether it has no score because it diverged or was undefined."""
        return self.status in ("diverged", "undefined")


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
