"""Stall: a score that no longer improves, far from a good one.

    best(p) > (1 − gain) · best(p − share)

with best(p) the lowest score up to progress p, while it is far from good: above twice the ceiling of real data or, without a ceiling,
above a tenth of the first score. Scores that rise since p − share are no stall but a spiral outwards, which `divergence` watches. They rise
if each is above the one before, or if Kendall's τ of score and progress is positive at a level of 1 %, and a straight line through them
gains more than `gain` of their mean.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from arena.alarms.base import Alarm, TraceView
from arena.errors import check_number

LEAST = 3
"""Least number of later scores, so that a run of a few turns does not count as stalled."""
LEVEL = 0.01
"""Level of significance of a rise."""
SAMPLED = 64
"""Scores, evenly spaced, in which a rise is looked for."""


class Stall(Alarm):
    """Raised if the best score has hardly improved over a share of the run, far from a good one, and the scores do not rise.

    Args:
        share: Share of the turn budget over which the score should improve, in (0, 1).
        gain: Least relative improvement, and largest relative rise, in (0, 1).

    Raises:
        BadSetting: A number is out of its range.
    """

    def __init__(self, share: float = 0.5, gain: float = 0.01, patience: int = 1):
        super().__init__(patience)
        check_number("share", share, above=0, below=1)
        check_number("gain", gain, above=0, below=1)
        self.share, self.gain = share, gain
        self._best: list[tuple[float, float]] = []
        self._scores: list[float] = []

    def look(self, view: TraceView) -> str | None:
        progress = view.row["progress"]
        score = view.row.get("score")
        if score is not None and math.isfinite(score):
            self._best.append((progress, min(score, self._best[-1][1]) if self._best else score))
            self._scores.append(score)
        before = [best for p, best in self._best if p <= progress - self.share]
        if not before or len(self._best) - len(before) < LEAST:
            return None
        latest = self._best[-1][1]
        if not view.is_far(latest) or latest <= (1 - self.gain) * before[-1] or self._rises(len(before)):
            return None
        return f"the best score is {latest:.3g}, and was {before[-1]:.3g} before the last {100 * self.share:g} % of the run's turns"

    def _rises(self, start: int) -> bool:
        """Return whether the scores from a place on rise."""
        from scipy.stats import kendalltau, linregress  # takes half a second, and is needed only by a score that stalls or rises

        every = -(-(len(self._scores) - start) // SAMPLED)
        scores = np.array(self._scores[start::every])
        times = np.array([p for p, _ in self._best[start::every]])
        if scores.min() == scores.max():
            return False
        steady = bool((np.diff(scores) > 0).all()) or kendalltau(times, scores, alternative="greater").pvalue < LEVEL
        return steady and linregress(times, scores).slope * (times[-1] - times[0]) > self.gain * abs(scores.mean())

    def state_dict(self) -> dict[str, Any]:
        return {"best": [list(pair) for pair in self._best], "scores": list(self._scores)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._best = [(progress, best) for progress, best in state["best"]]
        self._scores = list(state.get("scores", [best for _, best in self._best]))
