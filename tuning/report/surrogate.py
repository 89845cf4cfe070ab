"""A Gaussian process through the trials: tolerances of single settings, interactions of pairs, and maps of two settings.

Shapes: T = trials, D = dimensions.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from arena.experiments.ledger import TrialRecord
from arena.experiments.values import Point
from arena.tuning.space import Dimension, Space

WORSE = 0.10
"""Relative loss from the best value that a tolerance allows."""
FITTED = 250
"""Largest number of fitted trials: the best half of them, and a sample of the others."""


@dataclass(frozen=True)
class Curve:
    """Expected values along one setting through the best point.

    Args:
        name: of the setting.
        best: its value at the best point.
        values: of the setting.
        expected: objective at each value.
        low: a standard deviation below.
        high: a standard deviation above.
        within: the lowest and the highest value within the tolerance.
        open: whether the tolerance reaches the ends of the space, below and above.
    """

    name: str
    best: Any
    values: tuple[Any, ...]
    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray
    within: tuple[Any, Any]
    open: tuple[bool, bool]

    def told(self, dimension: Dimension) -> str:
        """Return the tolerance in words.

        Args:
            dimension: of the setting.
        """
        if dimension.choices:
            good = [str(v) for v, e in zip(self.values, self.expected, strict=True) if e <= (1 + WORSE) * self.expected.min()]
            return f"best {self.best}; within 10 %: {', '.join(good)}"
        more = ["≥ " if is_open else "" for is_open in self.open]
        if dimension.log:
            down, up = float(self.best) / float(self.within[0]), float(self.within[1]) / float(self.best)
            return f"best {self.best:.3g}; may be {more[0]}{down:.1f} times smaller and {more[1]}{up:.1f} times larger"
        return f"best {self.best:.3g}; may be from {self.within[0]:.3g} to {self.within[1]:.3g}" + (
            ", the whole range" if all(self.open) else ""
        )


class Process:
    """A Gaussian process through the trials, over the space as a unit cube, in which each word has an axis of its own.

    Args:
        space: of the points.
        points: of the trials.
        values: of the trials.
        active: returns a point without the settings that do not exist there.
    """

    def __init__(self, space: Space, points: Sequence[Point], values: np.ndarray, active: Callable[[Point], Point]):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        self.space, self.points, self.active = space, points, active
        order = np.argsort(values)
        few = order[: FITTED // 2]
        if len(values) > FITTED:
            rest = np.random.default_rng(0).permutation(order[FITTED // 2 :])[: FITTED - len(few)]
            order = np.concatenate([few, rest])
        x_TD = np.array([self.place(points[i]) for i in order])
        y_T = values[order]
        self.middle, self.spread = float(y_T.mean()), float(y_T.std()) or 1.0
        scales = np.full(x_TD.shape[1], 0.5)
        kernel = ConstantKernel(1.0, (0.05, 20)) * Matern(scales, (0.05, 20), nu=2.5) + WhiteKernel(0.1, (1e-4, 2.0))
        self.process = GaussianProcessRegressor(kernel, random_state=0, n_restarts_optimizer=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.process.fit(x_TD, (y_T - self.middle) / self.spread)

    def place(self, point: Mapping[str, Any]) -> list[float]:
        """Return a point in the cube; a number that does not exist there is in the middle of its side."""
        row: list[float] = []
        for d in self.space.dimensions:
            if d.choices and not d.numeric:
                row += [float(point.get(d.name) == choice) for choice in d.choices]
            else:
                row.append(d.share(point[d.name]) if d.name in point else 0.5)
        return row

    def at(self, points: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation, without the noise of a single trial."""
        mean_T, deviation_T = self.process.predict(np.array([self.place(p) for p in points]), return_std=True)
        noise = self.process.kernel_.k2.noise_level
        return self.middle + self.spread * mean_T, self.spread * np.sqrt(np.maximum(deviation_T**2 - noise, 0))

    def over(self, x: str, y: str, xs: Sequence[Any], ys: Sequence[Any], around: int = 32) -> np.ndarray:
        """Return the mean over the other settings at every pair of values, (len(ys), len(xs)); NaN where they never exist together."""
        others = self._sample(around)
        points = [self.active(other | {x: a, y: b}) for b in ys for a in xs for other in others]
        mean = self.middle + self.spread * self.process.predict(np.array([self.place(p) for p in points]))
        apart = [x not in point or y not in point for point in points]
        found: np.ndarray = np.ma.array(mean, mask=apart).reshape(len(ys), len(xs), around).mean(axis=2).filled(math.nan)
        return found

    def interactions(self, levels: int = 6, around: int = 24) -> dict[tuple[str, str], float]:
        """Return, by pair, the variance that only both settings together explain, as a share of the variance of the process.

        A pair of which some values never exist together is left out. Variance where both exist counts by the share of these points.
        """
        played = {pair for point in self.points for pair in itertools.combinations((n for n in self.space.names if n in point), 2)}
        sample = [self.active(point) for point in self._sample(512)]
        total = float(self.process.predict(np.array([self.place(p) for p in sample])).var()) * self.spread**2 or 1.0
        found = {}
        for a, b in itertools.combinations(self.space.dimensions, 2):
            grid = self.over(a.name, b.name, a.levels(levels), b.levels(levels), around)
            if np.isnan(grid).any() or (a.name, b.name) not in played:
                continue
            both = grid - grid.mean(axis=0, keepdims=True) - grid.mean(axis=1, keepdims=True) + grid.mean()
            there = sum(a.name in point and b.name in point for point in sample) / len(sample)
            found[a.name, b.name] = min(1.0, there * float(both.var()) / total)
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _sample(self, count: int) -> list[Point]:
        rng = np.random.default_rng(1)
        return [{d.name: d.at(float(rng.random())) for d in self.space.dimensions} for _ in range(count)]


def curve_of(process: Process, dimension: Dimension, told: Sequence[TrialRecord], count: int = 61) -> Curve | None:
    """Return the curve through the best of the points that have a setting; None if none of them was played to its end."""
    having = [record for record in told if record.whole and dimension.name in record.point]
    if not having:
        return None
    best = min(having, key=lambda record: record.value).point
    if dimension.choices:
        values: tuple[Any, ...] = dimension.choices
    else:
        values = tuple(sorted({*dimension.levels(count), best[dimension.name]}))
    mean, deviation = process.at([process.active(best | {dimension.name: value}) for value in values])
    here = values.index(best[dimension.name])
    logarithmic = min(record.value for record in told) >= 0 and any(record.value > 0 for record in told)
    limit = mean[here] + (math.log1p(WORSE) if logarithmic else WORSE * abs(mean[here]))
    low = high = here
    while low > 0 and mean[low - 1] <= limit:
        low -= 1
    while high < len(values) - 1 and mean[high + 1] <= limit:
        high += 1
    back: Any = np.exp if logarithmic else np.asarray
    drawn = (back(mean), back(mean - deviation), back(mean + deviation))
    return Curve(dimension.name, values[here], values, *drawn, (values[low], values[high]), (low == 0, high == len(values) - 1))
