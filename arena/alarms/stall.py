"""Stall: a run whose score has stopped getting better, far from a good one.

    best(p) > (1 − gain) · best(p − share)

with best(p) the lowest score up to progress p, while that is far from good: above twice what real data get or, where there is no such
thing, above a tenth of the first score.
"""

import math
from collections.abc import Mapping
from typing import Any

from arena.alarms.base import Alarm, Sight
from arena.errors import check_number

LEAST = 3
"""Scores that there must have been since then, so that a run of a few turns is not said to have stalled."""


class Stall(Alarm):
    """Rings where the best score has hardly improved over a share of the run, far from a good one.

    Args:
        share: of the turn budget over which it should have improved, in (0, 1).
        gain: by which it should have, as a share of itself, in (0, 1).
        patience: rows in which it must hold, one after the other, at least 1.

    Raises:
        BadSetting: for a number out of its range.
    """

    def __init__(self, share: float = 0.5, gain: float = 0.01, patience: int = 1):
        super().__init__(patience)
        check_number("share", share, above=0, below=1)
        check_number("gain", gain, above=0, below=1)
        self.share, self.gain = share, gain
        self._best: list[tuple[float, float]] = []

    def look(self, sight: Sight) -> str | None:
        progress = sight.row["progress"]
        score = sight.row.get("score")
        if score is not None and math.isfinite(score):
            self._best.append((progress, min(score, self._best[-1][1]) if self._best else score))
        before = [best for p, best in self._best if p <= progress - self.share]
        if not before or len(self._best) - len(before) < LEAST:
            return None
        latest = self._best[-1][1]
        if not sight.is_far(latest) or latest <= (1 - self.gain) * before[-1]:
            return None
        return f"the best score is {latest:.3g}, and was {before[-1]:.3g} before the last {100 * self.share:g} % of the run's turns"

    def state_dict(self) -> dict[str, Any]:
        return {"best": [list(pair) for pair in self._best]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._best = [(progress, best) for progress, best in state["best"]]
