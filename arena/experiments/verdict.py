"""What became of a run, told from its score: converged, cycling, diverged, or converged to something that is no equilibrium.

The thresholds are constants here, so that a verdict can be argued with. It looks at the second half of the run: its last score is the
median of the last eighth, its trend the change of a straight line through the logarithms of the scores.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

REACHED = 1e-2
"""Share of the first score at which a score whose goal is 0 counts as there."""
NEAR = 2.0
"""Multiple of what real data score at which a score with a ceiling counts as there."""
TREND = 0.2
"""Relative change over the second half that counts as going somewhere, where scores are noisy."""
EXACT_TREND = 0.02
"""The same where they are not: for games that know their solution."""
AT_REST = 1e-2
"""Share of the largest update, per learning rate, below which players count as being at rest."""
SETTLED = 0.5
"""Where updates are noisy at any rate: spread of the second half of the scores, (90 % − 10 % quantile) / median, that counts as rest."""


class Verdict(StrEnum):
    """A reading of a run: of its scores where there are some, else of its status."""

    CONVERGED = "converged"
    CONVERGING = "converging"
    CYCLING = "cycling"
    DIVERGED = "diverged"
    ELSEWHERE = "converged to a non-equilibrium"
    NOWHERE = "no progress"
    UNDEFINED = "undefined"
    COLLAPSED = "collapsed"
    UNFINISHED = "unfinished"


OF_ALARMS = {"divergence": "diverged", "collapse": "collapsed", "dominance": "no progress", "pruned": "unfinished"}
"""Readings of the alarms that stop a run; trials of version 0.1 hold the alarm's name."""


def verdict_of(word: str) -> str:
    """Return the verdict on a run that the alarm of that name stopped, or the word of a verdict itself.

    Example:
        >>> verdict_of("collapse"), verdict_of("cycling")
        ('collapsed', 'cycling')
    """
    return OF_ALARMS.get(word, word)


def over_seeds(verdicts: Sequence[str]) -> str:
    """Return the verdict over seeds, with counts if they disagree.

    Example:
        >>> over_seeds(["cycling", "cycling"]), over_seeds(["cycling", "diverged", "cycling"])
        ('cycling', 'cycling 2/3, diverged 1/3')
    """
    counts = Counter(verdicts)
    return ", ".join(word if len(counts) == 1 else f"{word} {count}/{len(verdicts)}" for word, count in counts.most_common())


def verdict(scores: Sequence[float], *, updates: Sequence[float] = (), ceiling: float | None = None, status: str = "finished") -> Verdict:
    """The verdict on one run.

    diverged: a number was not finite, or the score ended above where it began and is still growing; converged: it ended below 1 % of
    where it began, or within twice of what real data score; converging: it is below where it
    began and still falls. Of those that neither fall nor grow, the ones
    that are at rest have converged to a non-equilibrium, and the others are cycling; where the score has a ceiling, one that is not
    below half of where it began has made no progress.

    Args:
        scores: in the order of the turns; lower is better.
        updates: sizes of the players' updates per learning rate, which tell whether they are at rest; without them the scores do.
        ceiling: what real data score; None where the goal is 0.
        status: how the run ended.

    Example:
        >>> spiral = [0.9**t for t in range(100)]
        >>> str(verdict(spiral)), str(verdict(spiral[::-1])), str(verdict([1.0] * 100, updates=[1.0] * 100))
        ('converged', 'diverged', 'cycling')
        >>> str(verdict([3.0, 1.0, 0.5, *[0.3] * 50], ceiling=0.02)), str(verdict([], status="undefined"))
        ('converged to a non-equilibrium', 'undefined')
    """
    if status in ("undefined", "diverged") or not all(map(math.isfinite, scores)):
        return Verdict.UNDEFINED if status == "undefined" else Verdict.DIVERGED
    if status in ("interrupted", "pruned", "lost") or len(scores) < 4:
        return Verdict.UNFINISHED
    values = np.maximum(np.asarray(scores, dtype=np.float64), 1e-300)
    half = values[len(values) // 2 :]
    first, highest, last = values[0], values[: max(len(values) // 8, 1)].max(), float(np.median(values[-max(len(values) // 8, 1) :]))
    trend = math.expm1(slope(half) * (len(half) - 1))
    least = EXACT_TREND if len(updates) else TREND
    reached = last <= (REACHED * first if ceiling is None else NEAR * ceiling)
    if reached or (trend < -least and last < highest):
        return Verdict.CONVERGED if reached else Verdict.CONVERGING
    if trend > least and last > first:
        return Verdict.DIVERGED
    if ceiling is not None and last > first / 2:
        return Verdict.NOWHERE
    if len(updates):
        at_rest = float(np.median(updates[-max(len(updates) // 8, 1) :])) < AT_REST * max(updates)
    else:
        low, middle, high = np.quantile(half, [0.1, 0.5, 0.9])
        at_rest = (high - low) / middle < SETTLED
    return Verdict.ELSEWHERE if at_rest else Verdict.CYCLING


def slope(values: Sequence[float] | np.ndarray) -> float:
    """Change per step of a straight line through the logarithms, by least squares with the weights of a Hann window.

    The window keeps what merely oscillates from leaning on the line.

    Example:
        >>> round(slope([1.0, 0.5, 0.25, 0.125]), 6) == round(math.log(0.5), 6)
        True
    """
    logs = np.log(np.asarray(values, dtype=np.float64))
    if len(logs) < 2:
        return 0.0
    steps = np.arange(len(logs)) - (len(logs) - 1) / 2
    weights = np.hanning(len(logs) + 2)[1:-1] * steps
    return float(weights @ logs / (weights @ steps))


def contraction(turns: Sequence[int], distances: Sequence[float]) -> float | None:
    """The factor per turn by which the distance to the solution shrank (below 1) or grew, over the second half of a run.

    exp of the slope of a straight line through the logarithms of the distances, as far as they are finite and not yet down to 1e-13
    of the first, where rounding begins; None where that leaves too few.

    Example:
        >>> round(contraction(range(0, 200, 2), [0.99**t for t in range(0, 200, 2)]), 6)
        0.99
    """
    far = distances[0] * 1e-13 if len(distances) else 0.0
    there = list(itertools.takewhile(lambda at: far < at[1] < math.inf, zip(turns, distances, strict=True)))
    if len(there) < 8:
        return None
    half = there[len(there) // 2 :]
    (begin, _), (end, _) = half[0], half[-1]
    return math.exp(slope([d for _, d in half]) * (len(half) - 1) / (end - begin))
