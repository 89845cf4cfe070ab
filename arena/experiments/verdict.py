"""The verdict on a run: a reading of what was measured, namely its scores, and the sizes of the players' updates where they are traced.

A verdict names what it saw. No verdict claims an equilibrium: "stuck" means that the players no longer move, "plateau" that the score
stands still. All thresholds are constants here. The second half of a run is read; its last score is the median of the last eighth, and its
trend the change of a straight line through the logarithms of the scores.
"""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np

from arena.core.measures import is_finite

REACHED = 1e-2
"""Share of the first score below which a run has converged if the goal is 0."""
NEAR = 2.0
"""Multiple of the score of real data below which a run has converged."""
TREND = 0.2
"""Relative change over the second half that is a trend of noisy scores."""
EXACT_TREND = 0.02
"""The same for scores without noise, such as the distance to a known solution."""
AT_REST = 1e-2
"""Share of the largest typical update below which players are at rest; typical is the median of an eighth of the run."""
CYCLES = 3
"""Least number of periods within the second half that make a cycle."""
REGULAR = 0.75
"""Share of the variance that lies within one line of the spectrum if a series is periodic."""


class Verdict(StrEnum):
    """A reading of a run: of its numbers if there are some, else of its status."""

    CONVERGED = "converged"
    CONVERGING = "converging"
    CYCLING = "cycling"
    PLATEAU = "plateau"
    STUCK = "stuck"
    DIVERGED = "diverged"
    NOWHERE = "no progress"
    UNDEFINED = "undefined"
    FAILED = "failed"
    COLLAPSED = "collapsed"
    UNFINISHED = "unfinished"


FORMER = {
    "divergence": "diverged",
    "collapse": "collapsed",
    "dominance": "no progress",
    "pruned": "unfinished",
    "converged to a non-equilibrium": "plateau",
}
"""Verdicts by their words in trials of version 0.1, which were also the names of the alarms that stopped a run."""


def verdict_of(word: str) -> str:
    """Return the verdict on a run that the alarm of that name stopped, or the word of a verdict itself.

    Example:
        >>> verdict_of("collapse"), verdict_of("cycling")
        ('collapsed', 'cycling')
    """
    return FORMER.get(word, word)


def over_seeds(verdicts: Sequence[str]) -> str:
    """Return the verdict over seeds, with counts if they disagree.

    Example:
        >>> over_seeds(["cycling", "cycling"]), over_seeds(["cycling", "diverged", "cycling"])
        ('cycling', 'cycling 2/3, diverged 1/3')
    """
    counts = Counter(verdicts)
    return ", ".join(word if len(counts) == 1 else f"{word} {count}/{len(verdicts)}" for word, count in counts.most_common())


def verdict(  # noqa: PLR0911  (one return for each verdict)
    scores: Sequence[float],
    *,
    updates: Sequence[Sequence[float]] = (),
    ceiling: float | None = None,
    exact: bool = False,
    status: str = "finished",
) -> Verdict:
    """Return the verdict on one run.

    | verdict | measured |
    |---|---|
    | converged | the last score is below 1 % of the first one or, of a game with real data, below twice their score |
    | converging | the last score is below the early ones, and the trend falls |
    | diverged | a number is not finite, or the last score is above the first one and the trend rises |
    | no progress | none of these, and the last score of a game with real data is above half of the first one |
    | stuck | none of these, and the players no longer move |
    | cycling | none of these, and the scores or the sizes of a player's updates are periodic |
    | plateau | none of these: only the score stands still |

    Args:
        scores: In the order of the turns; lower is better.
        updates: For each player, the sizes of its updates per learning rate, in the order of the turns.
        ceiling: Score of real data; None if the goal is 0.
        exact: Whether the scores have no noise.
        status: How the run ended.

    Example:
        >>> spiral = [0.9**t for t in range(100)]
        >>> str(verdict(spiral)), str(verdict(spiral[::-1])), str(verdict([1.0] * 100, updates=[spiral, spiral]))
        ('converged', 'diverged', 'stuck')
        >>> str(verdict([2 + math.sin(t) for t in range(100)])), str(verdict([3.0, 1.0, 0.5, *[0.3] * 50], ceiling=0.02))
        ('cycling', 'plateau')
        >>> str(verdict([], status="undefined"))
        'undefined'
    """
    if status in (Verdict.UNDEFINED, Verdict.FAILED):
        return Verdict(status)
    if status == "diverged" or not all(map(math.isfinite, scores)):
        return Verdict.DIVERGED
    if status in ("interrupted", "pruned", "lost") or len(scores) < 4:
        return Verdict.UNFINISHED
    values = np.maximum(np.asarray(scores, dtype=np.float64), 1e-300)
    half, eighth = values[len(values) // 2 :], max(len(values) // 8, 1)
    first, highest, last = values[0], values[:eighth].max(), float(np.median(values[-eighth:]))
    trend = math.expm1(slope(half) * (len(half) - 1))
    least = EXACT_TREND if exact else TREND
    if last <= (REACHED * first if ceiling is None else NEAR * ceiling):
        return Verdict.CONVERGED
    if trend < -least and last < highest:
        return Verdict.CONVERGING
    if trend > least and last > first:
        return Verdict.DIVERGED
    if ceiling is not None and last > first / 2:
        return Verdict.NOWHERE
    moves = [np.asarray(sizes, dtype=np.float64) for sizes in updates]
    if moves and len(moves[0]) >= 8 and _at_rest(np.hypot.reduce(moves)):
        return Verdict.STUCK
    return Verdict.CYCLING if any(periodic(series[len(series) // 2 :]) for series in [values, *moves]) else Verdict.PLATEAU


def verdict_of_rows(rows: Sequence[Mapping[str, Any]], status: str) -> Verdict:
    """Return the verdict on one run, given the turns of its trace.

    Example:
        >>> rows = [{"score": 0.9**t, "x.update_norm": 0.9**t, "x.learning_rate": 0.1} for t in range(100)]
        >>> str(verdict_of_rows(rows, "finished")), str(verdict_of_rows(rows, "interrupted"))
        ('converged', 'unfinished')
    """
    scored = [row for row in rows if row.get("score") is not None]
    ceiling = scored[0].get("ceiling") if scored else None
    exact = any(row.get("diagnostics.distance.total") is not None for row in rows)
    return verdict([row["score"] for row in scored], updates=_updates(rows), ceiling=ceiling, exact=exact, status=status)


def _updates(rows: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    """Return the sizes of each player's updates per learning rate, in the rows that have all of them."""
    roles = sorted({name.removesuffix(".update_norm") for row in rows for name in row if name.endswith(".update_norm")})
    needed = [f"{role}.{field}" for role in roles for field in ("update_norm", "learning_rate")]
    whole = [row for row in rows if all(is_finite(row.get(name)) for name in needed) and all(row[name] > 0 for name in needed[1::2])]
    return [[row[f"{role}.update_norm"] / row[f"{role}.learning_rate"] for row in whole] for role in roles]


def _at_rest(sizes: np.ndarray) -> bool:
    typical = [float(np.median(part)) for part in np.array_split(sizes, 8)]
    return typical[-1] <= AT_REST * max(typical)


def periodic(values: Sequence[float] | np.ndarray) -> bool:
    """Whether one line of the spectrum, at `CYCLES` periods or more, has most of the variance around a straight line.

    The spectrum has a Hann window, whose line is three frequencies wide. Noise spreads over all of them, and a drift lies below `CYCLES`.

    Example:
        >>> periodic([math.sin(0.7 * t) for t in range(60)]), periodic([0.1 * t for t in range(60)])
        (True, False)
    """
    series = np.asarray(values, dtype=np.float64)
    if len(series) < 4 * CYCLES:
        return False
    places = np.arange(len(series))
    rest = series - np.polyval(np.polyfit(places, series, 1), places)
    if np.abs(rest).max() <= 1e-6 * np.abs(series).max():  # rounding
        return False
    power = np.abs(np.fft.rfft(rest * np.hanning(len(rest)))) ** 2
    peak = int(power[1:].argmax()) + 1
    return peak >= CYCLES and bool(power[peak - 1 : peak + 2].sum() >= REGULAR * power[1:].sum())


def slope(values: Sequence[float] | np.ndarray) -> float:
    """Return the change per step of a straight line through the logarithms, by least squares with the weights of a Hann window.

    The window keeps an oscillation from tilting the line.

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
