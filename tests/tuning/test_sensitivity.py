"""Statistics of a sweep's report, against those of scipy and numbers worked out by hand."""

import math
from types import SimpleNamespace

import numpy as np
import optuna
import pytest

from arena.tuning.report.figures import _far
from arena.tuning.report.importance import importances
from arena.tuning.report.sensitivity import _rank_correlation
from arena.tuning.space import parse_space


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], 0.5),
        ([3.0, 1.0, 2.0], [30.0, 10.0, 20.0], 1.0),
        # Ranks (1, 3, 3, 3) and (4, 1, 2, 3): Σ = −3 of √(3 · 5).
        ([1.0, 2.0, 2.0, 2.0], [4.0, 1.0, 2.0, 3.0], -3 / math.sqrt(15)),
        ([0.5, 0.5, 0.5], [1.0, 2.0, 3.0], math.nan),
        ([1.0, 2.0, 3.0], [0.5, 0.5, 0.5], math.nan),
        ([1.0], [2.0], math.nan),
        ([], [], math.nan),
    ],
)
def test_equal_numbers_share_their_rank(a: list[float], b: list[float], expected: float) -> None:
    assert _rank_correlation(a, b) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_an_importance_is_within_its_own_interval() -> None:
    """Its bar and its interval are of the same resamples."""
    rng = np.random.default_rng(3)
    points = [{name: float(rng.random()) for name in "abc"} for _ in range(20)]
    values = np.array([point["a"] ** 2 + 0.1 * rng.standard_normal() for point in points])
    space = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in "abc"}
    found = importances(space, points, values, resamples=12)
    for method in ("PED-ANOVA", "fANOVA"):
        intervals = [by_method[method] for by_method in found.values()]
        assert all(0 <= i.low <= i.value <= i.high <= 1 for i in intervals)
        assert sum(i.value for i in intervals) == pytest.approx(1)
        assert any(i.low < i.value < i.high for i in intervals)


def test_a_map_claims_nothing_far_from_every_trial() -> None:
    space = parse_space({"x.lr": "0:1", "y.lr": "0:1"})
    trials = SimpleNamespace(ended=[SimpleNamespace(point={"x.lr": 0.1, "y.lr": 0.1})])
    far = _far(space["x.lr"], space["y.lr"], [0.1, 0.2, 0.9], [0.1, 0.9], trials)  # type: ignore[arg-type]
    assert far.tolist() == [[False, False, True], [True, True, True]]
