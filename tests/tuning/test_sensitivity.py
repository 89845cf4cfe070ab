"""Statistics of a sweep's report, against those of scipy and numbers worked out by hand."""

import math

import pytest

from arena.tuning.report.sensitivity import _rank_correlation


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
