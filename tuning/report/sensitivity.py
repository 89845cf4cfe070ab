"""The sensitivity of an experiment to its settings, and warnings about the evidence.

    importance    PED-ANOVA: the difference between the values of the best tenth and of all; fANOVA: the share of a random forest's variance
                  that a setting explains by itself. Both from Optuna, each with an interval from resampling the trials.
    settings      σ²_t / (σ²_t + σ²_s), the share of the variance between the trials, of one-way random effects over trials and seeds
    tolerance     the factor by which a setting may move from its best value, the others fixed, before a Gaussian process through the
                  trials expects a value that is 10 % worse
    interaction   the part that two settings explain only together, by the same process

All figures are of the logarithm of the values if none is below 0. Shapes: T = trials, S = seeds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from arena.experiments.ledger import TrialRecord
from arena.experiments.trials import Trials
from arena.experiments.values import Point
from arena.tuning.points import distributions
from arena.tuning.report.importance import METHODS, Interval, as_mean_and_ratio, importances, interval_of, rates, scale
from arena.tuning.report.surrogate import Curve, Process, curve_of
from arena.tuning.space import Space

RESAMPLES = 24
FEWEST = 8
"""Number of trials below which nothing is reported."""
PER_DIMENSION = 10
"""Trials for each dimension below which the report warns."""


@dataclass
class Findings:
    """The findings of a report.

    Args:
        importance: by setting, then by method.
        derived: the same for the geometric mean and the ratio of both learning rates, if both vary.
        settings: the share of the variance between trials, as opposed to seeds.
        among_best: the same of the best quarter.
        curves: by setting.
        interactions: by pair of settings, largest first, as shares of the process's variance.
        agreement: rank correlation of the two methods.
        warnings: reasons to doubt the findings.
        active: the number of trials in which a setting is active, by name, if it is not active in all.
        trials: the number of trials.
    """

    importance: dict[str, dict[str, Interval]] = field(default_factory=dict)
    derived: dict[str, dict[str, Interval]] = field(default_factory=dict)
    settings: Interval | None = None
    among_best: Interval | None = None
    curves: dict[str, Curve] = field(default_factory=dict)
    interactions: dict[tuple[str, str], float] = field(default_factory=dict)
    agreement: float = math.nan
    warnings: list[str] = field(default_factory=list)
    surface: Process | None = None
    active: dict[str, int] = field(default_factory=dict)
    trials: int = 0

    def label(self, name: str) -> str:
        """Return the name of a setting, with the number of trials in which it is active, if it is not active in all."""
        return f"{name} ({self.active[name]} of {self.trials})" if name in self.active else name


def examine(space: Space, trials: Trials, resamples: int = RESAMPLES) -> Findings | None:
    """Examine trials.

    Args:
        space: of the points.
        trials: of the experiment.
        resamples: number of resamples for the intervals.

    Returns:
        The findings; None if too few trials ended.
    """
    told = trials.ended
    if len(told) < FEWEST:
        return None
    points, values = [record.point for record in told], scale([record.value for record in told])
    found = Findings(trials=len(told))
    found.importance = _importance(found, distributions(space), points, values, resamples)
    if (both := rates(space, trials.base.roles)) is not None:
        found.derived = _importance(found, *as_mean_and_ratio(space, points, both), values, resamples)
    top = sorted(told, key=lambda record: record.value)[: max(6, len(told) // 4)]
    found.settings, found.among_best = (variance_of_settings(some, resamples) for some in (told, top))
    found.agreement = _rank_correlation(*([i[method].value for i in found.importance.values()] for method in METHODS))
    if trials.best is not None:
        conditional = found.active and {*trials.vary} <= {*space.names}  # without its words, a point has no branch
        found.surface = Process(space, points, values, trials.active if conditional else lambda point: point)
        curves = (curve_of(found.surface, d, told) for d in space.dimensions)
        found.curves = {curve.name: curve for curve in curves if curve is not None}
        found.interactions = found.surface.interactions()
    found.warnings = _warnings(space, trials, found)
    return found


def _importance(
    found: Findings, space: dict[str, Any], points: Sequence[Point], values: np.ndarray, resamples: int
) -> dict[str, dict[str, Interval]]:
    """Return importances, without those of settings that are active in too few trials; count the trials in the findings."""
    counts = {name: sum(name in point for point in points) for name in space}
    found.active |= {name: count for name, count in counts.items() if count < len(points)}
    return importances({name: d for name, d in space.items() if counts[name] >= FEWEST}, points, values, resamples)


def variance_of_settings(records: Sequence[TrialRecord], resamples: int) -> Interval | None:
    """Return the share of the variance between trials; None for one seed, or for too few trials.

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
    return interval_of(_between(values_TS), again)


def _between(values_TS: np.ndarray) -> float:
    """Return σ²_t / (σ²_t + σ²_s), from the mean squares of one-way random effects."""
    count = values_TS.shape[1]
    within = float(values_TS.var(axis=1, ddof=1).mean())
    between = max(0.0, float(values_TS.mean(axis=1).var(ddof=1)) - within / count)
    return between / (between + within) if between + within > 0 else 1.0


def _warnings(space: Space, trials: Trials, found: Findings) -> list[str]:
    said = []
    records, told, best, dimensions = trials.records, trials.ended, trials.best, len(space.dimensions)
    if len(told) < PER_DIMENSION * dimensions:
        said.append(
            f"{len(told)} finished trials are few for {dimensions} settings: small importances, interactions and "
            f"tolerances are guesses; take {PER_DIMENSION * dimensions} or more"
        )
    pruned = sum(record.status == "pruned" for record in records)
    if pruned > len(records) / 4:
        said.append(f"{pruned} of {len(records)} trials were pruned and are left out. Fix: --pruner none")
    always = {name: by_method for name, by_method in found.importance.items() if name not in found.active}
    for method in METHODS:
        (first, one), (second, two) = (
            sorted(((n, i[method]) for n, i in always.items()), key=lambda pair: -pair[1].value)[:2]
            if (len(always) > 1)
            else (("", None), ("", None))
        )
        if one is not None and two is not None and one.low < two.high:
            said.append(f"by {method}, the order of {first} and {second} is open, because their intervals overlap")
    tops = {method: max(always, key=lambda name: always[name][method].value, default="") for method in METHODS}
    if len(set(tops.values())) > 1:
        said.append(
            f"PED-ANOVA puts {tops['PED-ANOVA']} first and fANOVA {tops['fANOVA']}: the former compares the best tenth with all, the "
            "latter measures effects anywhere"
        )
    if rare := [found.label(d.name) for d in space.dimensions if d.name not in found.importance]:
        said.append(f"{' and '.join(rare)}: active in too few trials for an importance. Expected {FEWEST} or more")
    if found.settings is None:
        said.append("with one seed for each point, settings and luck cannot be separated. Fix: --seeds 3")
    elif found.among_best is not None and found.among_best.value < 0.5:
        said.append(
            f"among the best quarter of the points, {1 - found.among_best.value:.0%} of the variance is between seeds, so that their "
            "order is mostly luck. Fix: play the best few with more seeds"
        )
    if best is not None:
        for d in space.dimensions:
            if d.name in best.point and not d.choices and not 0.03 < d.share(best.point[d.name]) < 0.97:
                said.append(f"the best {d.name}, {best.point[d.name]:.3g}, is at an end of its range; a wider range may have a better one")
    if trials.uses_oracle:
        said.append("an oracle ranks the points: their score uses the labels to be predicted")
    return said


def _rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Return Spearman's ρ, in which equal numbers share the mean of their ranks; NaN if all numbers of a sequence are equal.

    Example:
        >>> round(_rank_correlation([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]), 6)
        0.5
    """
    if min(len({*a}), len({*b})) < 2:
        return math.nan
    return float(spearmanr(a, b).statistic)
