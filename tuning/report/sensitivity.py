"""What the trials of a sweep say about its settings, and how far that can be trusted.

    importance    PED-ANOVA: how different the best tenth's values are from all; fANOVA: the share of a random forest's variance that a
                  setting explains by itself. Both from Optuna, each with the interval that resampling the trials gives.
    settings      σ²_t / (σ²_t + σ²_s), the share of the variance between the trials, of one-way random effects over trials and seeds
    tolerance     the factor by which a setting may move from its best value, the others at theirs, before a Gaussian process through the
                  trials expects a value that is 10 % worse
    interaction   what two settings explain together beyond either, of the same process

All of it is of the logarithm of the values where none is below 0. S. Watanabe et al., "PED-ANOVA", arXiv:2304.10255; F. Hutter et al., "An
efficient approach for assessing hyperparameter importance" (fANOVA), ICML 2014.

Shapes: T = trials, S = seeds, D = dimensions.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna

from arena.experiments.ledger import TrialRecord
from arena.experiments.values import Point
from arena.tuning.plan import Sweep
from arena.tuning.points import distributions
from arena.tuning.space import Dimension, Space

RESAMPLES = 24
WORSE = 0.10
"""How much worse than at the best point a value may be within the tolerance."""
FEWEST = 8
"""Trials below which nothing is said."""
PER_DIMENSION = 10
"""Trials for each dimension below which the report warns."""
FITTED = 250
"""Trials that the Gaussian process goes through at most: the best half of them, and a fair sample of the others."""
DEPTH = 6
"""Of fANOVA's trees: what it costs grows with the square of their leaves."""
METHODS = ("PED-ANOVA", "fANOVA")


@dataclass(frozen=True)
class Interval:
    """A number, and the middle nine tenths of what resampling gives for it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.0%} ({self.low:.0%}–{self.high:.0%})"


@dataclass(frozen=True)
class Curve:
    """One setting around the best point, the others at their best values.

    Args:
        name: of the setting.
        best: its value at the best point.
        values: where the process was asked.
        expected: value there, on the scale of the objective.
        low: of what is expected, a standard deviation below.
        high: a standard deviation above.
        within: the lowest and the highest value within the tolerance.
        open: whether the tolerance ends only where the space does, below and above.
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
        """In words.

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


@dataclass
class Findings:
    """What the trials say.

    Args:
        importance: by setting, then by method.
        derived: the same where both players' learning rates vary, of their geometric mean and their ratio instead.
        settings: the share of the variance that lies between the trials, not between their seeds.
        among_best: the same of the best quarter.
        curves: by setting.
        interactions: by pair of settings, largest first, as shares of the process's variance.
        agreement: rank correlation of the two methods.
        warnings: what should keep one from believing it.
    """

    importance: dict[str, dict[str, Interval]] = field(default_factory=dict)
    derived: dict[str, dict[str, Interval]] = field(default_factory=dict)
    settings: Interval | None = None
    among_best: Interval | None = None
    curves: dict[str, Curve] = field(default_factory=dict)
    interactions: dict[tuple[str, str], float] = field(default_factory=dict)
    agreement: float = math.nan
    warnings: list[str] = field(default_factory=list)
    surface: "Process | None" = None


def examine(sweep: Sweep, records: Sequence[TrialRecord], resamples: int = RESAMPLES) -> Findings | None:
    """What trials say.

    Args:
        sweep: they belong to.
        records: all of it that there are.
        resamples: how often trials are drawn anew for the intervals.

    Returns:
        The findings; None where too few trials ended.
    """
    told = [record for record in records if record.status in ("finished", "undefined")]
    if len(told) < FEWEST:
        return None
    points, values = [record.point for record in told], scale([record.value for record in told])
    found = Findings()
    found.importance = importances(distributions(sweep.space), points, values, resamples)
    if (both := rates(sweep)) is not None:
        found.derived = importances(*_as_mean_and_ratio(sweep.space, points, both), values, resamples)
    top = sorted(told, key=lambda record: record.value)[: max(6, len(told) // 4)]
    found.settings, found.among_best = (variance_of_settings(some, resamples) for some in (told, top))
    found.agreement = _rank_correlation(*([i[method].value for i in found.importance.values()] for method in METHODS))
    best = min((r for r in told if r.status == "finished"), key=lambda r: r.value, default=None)
    if best is not None:
        found.surface = Process(sweep.space, points, values)
        found.curves = {d.name: _curve(found.surface, d, best.point, told) for d in sweep.space.dimensions}
        found.interactions = found.surface.interactions()
    found.warnings = _warnings(sweep, records, told, found, best)
    return found


def scale(values: Sequence[float]) -> np.ndarray:
    """Logarithms where no value is below 0, with zeros at a tenth of the smallest that is none; else the values themselves.

    Example:
        >>> scale([1.0, 10.0, 0.0]).round(3).tolist(), scale([-1.0, 2.0]).tolist()
        ([0.0, 2.303, -2.303], [-1.0, 2.0])
    """
    given = np.asarray(values, dtype=np.float64)
    if given.min() < 0 or not (given > 0).any():
        return given
    return np.log(np.maximum(given, 0.1 * given[given > 0].min()))


# Importance ----------------------------------------------------------------------------------------------------------------------


def importances(space: Mapping[str, Any], points: Sequence[Point], values: np.ndarray, resamples: int) -> dict[str, dict[str, Interval]]:
    """Importance by setting and method, each adding up to 1, the most important first.

    Args:
        space: Optuna's distributions by name.
        points: the value of each.
        values: what they came to.
        resamples: how often trials are drawn anew.
    """
    trials = [
        optuna.trial.create_trial(params=dict(p), distributions=dict(space), value=float(v)) for p, v in zip(points, values, strict=True)
    ]
    rng = np.random.default_rng(0)
    quantile = max(0.1, min(0.5, 5 / len(trials)))
    evaluators: dict[str, Callable[[int], Any]] = {
        "PED-ANOVA": lambda trees: optuna.importance.PedAnovaImportanceEvaluator(target_quantile=quantile),
        "fANOVA": lambda trees: optuna.importance.FanovaImportanceEvaluator(n_trees=trees, max_depth=DEPTH, seed=0),
    }
    draws = [rng.integers(len(trials), size=len(trials)) for _ in range(resamples)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {}
        for method, evaluator in evaluators.items():
            there = _shares(evaluator(32), trials, space)
            again = [_shares(evaluator(8), [trials[i] for i in draw], space) for draw in draws]
            found[method] = {name: _interval(there[name], [shares[name] for shares in again]) for name in space}
    mean = {name: sum(found[method][name].value for method in METHODS) for name in space}
    return {name: {method: found[method][name] for method in METHODS} for name in sorted(space, key=lambda name: -mean[name])}


def _shares(evaluator: Any, trials: Sequence[Any], space: Mapping[str, Any]) -> dict[str, float]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study()
        study.add_trials(trials)
        found = evaluator.evaluate(study, params=list(space))
    except (RuntimeError, ValueError):  # nothing differs
        found = {}
    finally:
        optuna.logging.set_verbosity(before)
    total = sum(found.values()) or 1.0
    return {name: float(found.get(name, 0.0)) / total for name in space}


def rates(sweep: Sweep) -> tuple[str, str] | None:
    """The names of both players' learning rates, where both vary by themselves."""
    names = [f"{role}.lr" for role in sweep.base().roles]
    there = [d for d in sweep.space.dimensions if d.name in names and d.log and not d.choices]
    return (names[0], names[1]) if len(there) == 2 else None


def _as_mean_and_ratio(space: Space, points: Sequence[Point], both: tuple[str, str]) -> tuple[dict[str, Any], list[Point]]:
    """The space and its points with the geometric mean and the ratio of two rates in their place."""
    first, second = both
    mean, ratio = "both learning rates (mean)", f"{second} / {first}"
    low, high = (math.sqrt(getattr(space[first], end) * getattr(space[second], end)) for end in ("low", "high"))
    ends = (space[second].low / space[first].high, space[second].high / space[first].low)
    made = {name: d for name, d in distributions(space).items() if name not in both}
    made |= {mean: optuna.distributions.FloatDistribution(low * 0.999, high * 1.001, log=True)}
    made |= {ratio: optuna.distributions.FloatDistribution(ends[0] * 0.999, ends[1] * 1.001, log=True)}
    turned = []
    for point in points:
        a, b = float(point[first]), float(point[second])
        turned.append({**{n: v for n, v in point.items() if n not in both}, mean: math.sqrt(a * b), ratio: b / a})
    return made, turned


# Seeds ---------------------------------------------------------------------------------------------------------------------------


def variance_of_settings(records: Sequence[TrialRecord], resamples: int) -> Interval | None:
    """The share of the variance that lies between trials; None where they were played with one seed, or too few of them were.

    Example:
        >>> from arena.experiments.ledger import SeedResult
        >>> runs = lambda *values: tuple(SeedResult(s, "finished", v, v, 9, "") for s, v in enumerate(values))
        >>> made = [TrialRecord(i, {}, "finished", {"criterion": v}, runs(v, v)) for i, v in enumerate([1.0, 2.0, 4.0, 8.0])]
        >>> variance_of_settings(made, 4).value
        1.0
    """
    whole = [record for record in records if len(record.runs) > 1 and all(play.status != "pruned" for play in record.runs)]
    if len(whole) < 4:
        return None
    flat = scale([play.value for record in whole for play in record.runs])
    values_TS = flat.reshape(len(whole), -1)
    rng = np.random.default_rng(0)
    again = [_between(values_TS[rng.integers(len(whole), size=len(whole))]) for _ in range(4 * resamples)]
    return _interval(_between(values_TS), again)


def _between(values_TS: np.ndarray) -> float:
    """σ²_t / (σ²_t + σ²_s), from the mean squares of one-way random effects."""
    count = values_TS.shape[1]
    within = float(values_TS.var(axis=1, ddof=1).mean())
    between = max(0.0, float(values_TS.mean(axis=1).var(ddof=1)) - within / count)
    return between / (between + within) if between + within > 0 else 1.0


# The surface through the trials ----------------------------------------------------------------------------------------------------


class Process:
    """A Gaussian process through the trials, over the space as a unit cube in which words have an axis each.

    Args:
        space: of the points.
        points: of the trials.
        values: what they came to.
    """

    def __init__(self, space: Space, points: Sequence[Point], values: np.ndarray):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        self.space = space
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
        """A point in the cube."""
        row: list[float] = []
        for d in self.space.dimensions:
            if d.choices and not d.numeric:
                row += [float(point[d.name] == choice) for choice in d.choices]
            else:
                row.append(d.share(point[d.name]))
        return row

    def at(self, points: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, without the noise of a single trial."""
        mean_T, deviation_T = self.process.predict(np.array([self.place(p) for p in points]), return_std=True)
        noise = self.process.kernel_.k2.noise_level
        return self.middle + self.spread * mean_T, self.spread * np.sqrt(np.maximum(deviation_T**2 - noise, 0))

    def over(self, x: str, y: str, xs: Sequence[Any], ys: Sequence[Any], around: int = 32) -> np.ndarray:
        """Mean over the other settings at every pair of values, (len(ys), len(xs))."""
        others = self._sample(around)
        points = [other | {x: a, y: b} for b in ys for a in xs for other in others]
        mean = self.process.predict(np.array([self.place(p) for p in points]))
        return (self.middle + self.spread * mean).reshape(len(ys), len(xs), around).mean(axis=2)

    def interactions(self, levels: int = 6, around: int = 24) -> dict[tuple[str, str], float]:
        """For every pair, the variance of what both together explain beyond either, as a share of the process's own."""
        dimensions = self.space.dimensions
        total = float(self.process.predict(np.array([self.place(p) for p in self._sample(512)])).var()) * self.spread**2 or 1.0
        found = {}
        for a, b in itertools.combinations(dimensions, 2):
            grid = self.over(a.name, b.name, a.levels(levels), b.levels(levels), around)
            both = grid - grid.mean(axis=0, keepdims=True) - grid.mean(axis=1, keepdims=True) + grid.mean()
            found[a.name, b.name] = min(1.0, float(both.var()) / total)
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _sample(self, count: int) -> list[Point]:
        rng = np.random.default_rng(1)
        return [{d.name: d.at(float(rng.random())) for d in self.space.dimensions} for _ in range(count)]


def _curve(process: Process, dimension: Dimension, best: Point, told: Sequence[TrialRecord], count: int = 61) -> Curve:
    if dimension.choices:
        values: tuple[Any, ...] = dimension.choices
    else:
        values = tuple(sorted({*dimension.levels(count), best[dimension.name]}))
    mean, deviation = process.at([best | {dimension.name: value} for value in values])
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


# Trust ---------------------------------------------------------------------------------------------------------------------------


def _warnings(
    sweep: Sweep, records: Sequence[TrialRecord], told: Sequence[TrialRecord], found: Findings, best: TrialRecord | None
) -> list[str]:
    said = []
    dimensions = len(sweep.space.dimensions)
    if len(told) < PER_DIMENSION * dimensions:
        said.append(
            f"{len(told)} trials that were played to their ends are few for {dimensions} settings: small importances, interactions and "
            f"tolerances are guesses; take {PER_DIMENSION * dimensions} or more"
        )
    pruned = sum(record.status == "pruned" for record in records)
    if pruned > len(records) / 4:
        said.append(f"{pruned} of {len(records)} trials were given up on their way and are left out; for importances write --pruner none")
    for method in METHODS:
        (first, one), (second, two) = (
            sorted(((n, i[method]) for n, i in found.importance.items()), key=lambda pair: -pair[1].value)[:2]
            if (dimensions > 1)
            else (("", None), ("", None))
        )
        if one is not None and two is not None and one.low < two.high:
            said.append(f"by {method}, whether {first} or {second} matters more is not settled: their intervals overlap")
    tops = {method: max(found.importance, key=lambda name: found.importance[name][method].value) for method in METHODS}
    if len(set(tops.values())) > 1:
        said.append(
            f"PED-ANOVA puts {tops['PED-ANOVA']} first and fANOVA {tops['fANOVA']}: the one asks what the best tenth have in common, the "
            "other what moves the score anywhere"
        )
    if found.settings is None:
        said.append("with one seed for each point, settings and luck cannot be told apart; write --seeds 3 or more")
    elif found.among_best is not None and found.among_best.value < 0.5:
        said.append(
            f"among the best quarter of the points, {1 - found.among_best.value:.0%} of the variance is the seeds': which of them is best "
            "is mostly luck; play the best few with more seeds"
        )
    if best is not None:
        for d in sweep.space.dimensions:
            if not d.choices and not 0.03 < d.share(best.point[d.name]) < 0.97:
                said.append(f"the best {d.name}, {best.point[d.name]:.3g}, is at an end of its range; a wider one may have a better")
    if sweep.uses_oracle:
        said.append("this sweep peeks: its points were chosen by a score that looks at labels which are to be predicted")
    return said


def _interval(value: float, again: Sequence[float]) -> Interval:
    low, high = np.quantile(again, [0.05, 0.95]) if len(again) else (value, value)
    return Interval(value, min(float(low), value), max(float(high), value))


def _rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's ρ.

    Example:
        >>> round(_rank_correlation([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]), 6)
        0.5
    """
    if len(a) < 2:
        return math.nan
    x, y = (np.argsort(np.argsort(v)) for v in (a, b))
    return float(np.corrcoef(x, y)[0, 1])
