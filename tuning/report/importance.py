"""The importance of settings: PED-ANOVA and fANOVA, each with the interval from resampling the trials.

PED-ANOVA measures the difference between the values of the best tenth and of all; fANOVA the share of a random forest's variance that a
setting explains by itself. S. Watanabe et al., "PED-ANOVA", arXiv:2304.10255; F. Hutter et al., "An efficient approach for assessing
hyperparameter importance" (fANOVA), ICML 2014.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from arena.experiments.values import Point
from arena.tuning.points import distributions
from arena.tuning.space import Space

DEPTH = 6
"""Depth of fANOVA's trees. Their cost grows with the square of their leaves."""
METHODS = ("PED-ANOVA", "fANOVA")


@dataclass(frozen=True)
class Interval:
    """A number and its 90 % interval from resampling."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.0%} ({self.low:.0%}–{self.high:.0%})"


def scale(values: Sequence[float]) -> np.ndarray:
    """Return logarithms if no value is below 0, with zeros at a tenth of the smallest positive value; else the values themselves.

    Example:
        >>> scale([1.0, 10.0, 0.0]).round(3).tolist(), scale([-1.0, 2.0]).tolist()
        ([0.0, 2.303, -2.303], [-1.0, 2.0])
    """
    given = np.asarray(values, dtype=np.float64)
    if given.min() < 0 or not (given > 0).any():
        return given
    return np.log(np.maximum(given, 0.1 * given[given > 0].min()))


def importances(space: Mapping[str, Any], points: Sequence[Point], values: np.ndarray, resamples: int) -> dict[str, dict[str, Interval]]:
    """Return importances by setting and method, the most important setting first.

    The importance of a setting is over the trials in which it is active, beside the settings that are active in all of these. If every
    setting is active in every trial, the importances of a method add up to 1.

    An importance is the mean over the resamples from which its interval comes. A resample repeats trials, so that the importance by all
    trials at once may lie outside that interval.

    Args:
        space: Optuna's distributions by name.
        points: of the trials; each has the settings that are active there.
        values: of the trials.
        resamples: number of resamples.
    """
    trials = {name: tuple(i for i, point in enumerate(points) if name in point) for name in space}
    found: dict[str, dict[str, Interval]] = {}
    for own in dict.fromkeys(trials.values()):
        beside = {name: space[name] for name in space if {*own} <= {*trials[name]}}
        made = _importances(beside, [points[i] for i in own], values[list(own)], resamples)
        found |= {name: made[name] for name in beside if trials[name] == own}
    return dict(sorted(found.items(), key=lambda item: -sum(interval.value for interval in item[1].values())))


def _importances(space: Mapping[str, Any], points: Sequence[Point], values: np.ndarray, resamples: int) -> dict[str, dict[str, Interval]]:
    """Return importances by setting and method, if every setting is active at every point."""
    params = [{name: point[name] for name in space} for point in points]
    trials = [optuna.trial.create_trial(params=p, distributions=dict(space), value=float(v)) for p, v in zip(params, values, strict=True)]
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
            again = [_shares(evaluator(8), [trials[i] for i in draw], space) for draw in draws] or [_shares(evaluator(32), trials, space)]
            found[method] = {name: _mean_of([shares[name] for shares in again]) for name in space}
    return {name: {method: found[method][name] for method in METHODS} for name in space}


def _shares(evaluator: Any, trials: Sequence[Any], space: Mapping[str, Any]) -> dict[str, float]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study()
        study.add_trials(trials)
        found = evaluator.evaluate(study, params=list(space))
    except (RuntimeError, ValueError):  # all values are equal
        found = {}
    finally:
        optuna.logging.set_verbosity(before)
    total = sum(found.values()) or 1.0
    return {name: float(found.get(name, 0.0)) / total for name in space}


def rates(space: Space, roles: Sequence[str]) -> tuple[str, str] | None:
    """Return the names of both players' learning rates, if both vary."""
    names = [f"{role}.lr" for role in roles]
    there = [d for d in space.dimensions if d.name in names and d.log and not d.choices]
    return (names[0], names[1]) if len(there) == 2 else None


def as_mean_and_ratio(space: Space, points: Sequence[Point], both: tuple[str, str]) -> tuple[dict[str, Any], list[Point]]:
    """Replace two rates by their geometric mean and their ratio, where both are active; return the space and its points."""
    first, second = both
    mean, ratio = "both learning rates (mean)", f"{second} / {first}"
    low, high = (math.sqrt(getattr(space[first], end) * getattr(space[second], end)) for end in ("low", "high"))
    ends = (space[second].low / space[first].high, space[second].high / space[first].low)
    made = {name: d for name, d in distributions(space).items() if name not in both}
    made |= {mean: optuna.distributions.FloatDistribution(low * 0.999, high * 1.001, log=True)}
    made |= {ratio: optuna.distributions.FloatDistribution(ends[0] * 0.999, ends[1] * 1.001, log=True)}
    turned = []
    for point in points:
        beside = {n: v for n, v in point.items() if n not in both}
        if first in point and second in point:
            a, b = float(point[first]), float(point[second])
            beside |= {mean: math.sqrt(a * b), ratio: b / a}
        turned.append(beside)
    return made, turned


def _mean_of(again: Sequence[float]) -> Interval:
    low, high = np.quantile(again, [0.05, 0.95])
    return Interval(float(np.mean(again)), float(low), float(high))


def interval_of(value: float, again: Sequence[float]) -> Interval:
    low, high = np.quantile(again, [0.05, 0.95]) if len(again) else (value, value)
    return Interval(value, min(float(low), value), max(float(high), value))
