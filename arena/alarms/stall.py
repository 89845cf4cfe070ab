"""Stall: a score that no longer improves, far from a good one.

    best(p) > (1 − gain) · best(p − share)

with best(p) the lowest score up to progress p, while it is far from good: above twice the ceiling of real data or, without a ceiling,
above a tenth of the first score.
"""

import math
from collections.abc import Mapping
from typing import Any

from arena.alarms.base import Alarm, TraceView
from arena.errors import check_number

LEAST = 3
"""Least number of later scores, so that a run of a few turns does not count as stalled."""


class Stall(Alarm):
    """Raised if the best score has hardly improved over a share of the run, far from a good one.

    Args:
        share: Share of the turn budget over which the score should improve, in (0, 1).
        gain: Least relative improvement, in (0, 1).

    Raises:
        BadSetting: A number is out of its range.
    """

    def __init__(self, share: float = 0.5, gain: float = 0.01, patience: int = 1):
        super().__init__(patience)
        check_number("share", share, above=0, below=1)
        check_number("gain", gain, above=0, below=1)
        self.share, self.gain = share, gain
        self._best: list[tuple[float, float]] = []

    def look(self, view: TraceView) -> str | None:
        progress = view.row["progress"]
        score = view.row.get("score")
        if score is not None and math.isfinite(score):
            self._best.append((progress, min(score, self._best[-1][1]) if self._best else score))
        before = [best for p, best in self._best if p <= progress - self.share]
        if not before or len(self._best) - len(before) < LEAST:
            return None
        latest = self._best[-1][1]
        if not view.is_far(latest) or latest <= (1 - self.gain) * before[-1]:
            return None
        return f"the best score is {latest:.3g}, and was {before[-1]:.3g} before the last {100 * self.share:g} % of the run's turns"

    def state_dict(self) -> dict[str, Any]:
        return {"best": [list(pair) for pair in self._best]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._best = [(progress, best) for progress, best in state["best"]]
