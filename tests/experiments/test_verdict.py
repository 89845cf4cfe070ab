"""Verdicts on planted dynamics: what is called converged, cycling, stuck … is so, at every period and under noise."""

import math

import numpy as np
import pytest

from arena.config import configure
from arena.experiments.verdict import Verdict, periodic, verdict

TURNS = 400
T = np.arange(TURNS)


def path(kind: str, period: float = 40.0) -> np.ndarray:
    """Positions of two players of one number each, (TURNS, 2); the goal is the origin."""
    circle = np.stack([np.cos(2 * np.pi * T / period), np.sin(2 * np.pi * T / period)], axis=1)
    still = np.ones((TURNS, 2))
    return {
        "fixed point": still * 0.9 ** T[:, None],
        "spiral in": circle * 0.995 ** T[:, None],
        "cycle": circle,
        "spiral out": circle * 1.005 ** T[:, None],
        "drift": still * (1 + 0.02 * T[:, None]),
        "around a point": still * 2.0,
        "stuck far away": still * (2 - 0.9 ** T[:, None]),
    }[kind]


def reading(positions: np.ndarray, noise: float = 0.0, seed: int = 0) -> Verdict:
    """The verdict on positions with noise of a share of the first distance."""
    moved = positions + noise * np.linalg.norm(positions[0]) * np.random.default_rng(seed).normal(size=positions.shape)
    updates = np.abs(np.diff(moved, axis=0)).T
    return verdict(np.linalg.norm(moved, axis=1).tolist(), updates=updates.tolist(), exact=not noise)


EXPECTED = {
    "fixed point": {Verdict.CONVERGED},
    "spiral in": {Verdict.CONVERGING},
    "cycle": {Verdict.CYCLING},
    "spiral out": {Verdict.DIVERGED},
    "drift": {Verdict.DIVERGED},
    "stuck far away": {Verdict.STUCK},
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_planted_dynamics_have_their_names(kind: str) -> None:
    assert reading(path(kind)) in EXPECTED[kind]


@pytest.mark.parametrize("period", [3.1, 5.0, 12.3, 40.0, 63.0, 97.0, 130.0])
def test_a_cycle_is_one_at_every_period_against_the_sampling(period: float) -> None:
    """A circle keeps its distance exactly; the sizes of each player's updates tell that it goes round."""
    assert reading(path("cycle", period)) == Verdict.CYCLING


@pytest.mark.parametrize("period", [3.1, 5.0, 12.3, 40.0])
def test_a_cycle_around_another_point_than_the_goal_is_one(period: float) -> None:
    assert reading(path("cycle", period) + np.array([3.0, 0.0])) == Verdict.CYCLING


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.003, 0.01, 0.03])
def test_noise_does_not_change_the_name(noise: float, seed: int) -> None:
    for kind in ("spiral in", "cycle", "spiral out", "drift"):
        assert reading(path(kind, 12.3), noise / 3, seed) in EXPECTED[kind], kind
    assert reading(path("around a point"), noise, seed) == Verdict.PLATEAU


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_is_no_cycle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert not periodic(rng.normal(size=200))
    assert not periodic(rng.normal(size=200).cumsum())  # a random walk, whose spectrum rises towards long periods


@pytest.mark.parametrize("kind", [*EXPECTED, "around a point"])
def test_nearly_equal_curves_have_equal_verdicts(kind: str) -> None:
    scores = np.linalg.norm(path(kind), axis=1) + 1e-12
    found = {verdict((scores * np.exp(0.01 * np.random.default_rng(seed).normal(size=TURNS))).tolist()) for seed in range(10)}
    assert len(found) == 1


def test_a_wide_circle_of_which_only_scores_are_known_is_a_plateau() -> None:
    """A sweep has a few scores; whether the players rest or revolve does not follow from them."""
    assert verdict([1.0, 1.3, 1.5, 1.3, 1.48, 1.45, 1.4, 1.6, 1.31]) == Verdict.PLATEAU


def test_the_wasserstein_dirac_gan_with_a_penalty_revolves() -> None:
    """It was called converged to a non-equilibrium."""
    playing = configure("dirac", {"loss": "wasserstein", "penalty": "wgan-gp", "turns": 500}).build()
    playing.reset(seed=0)
    updates: list[list[float]] = [[], []]
    scores = [playing.measure_score()]
    for _ in range(500):
        playing.play_scheduled_turn(measure=True)
        signals = playing.read_signals()
        for sizes, role in zip(updates, playing.game.roles, strict=True):
            sizes.append(signals[f"{role}.update_norm"])
        scores.append(playing.measure_score())
    assert verdict(scores, updates=updates, exact=True) == Verdict.CYCLING


NOISE = np.random.default_rng(0).normal(size=TURNS)


@pytest.mark.parametrize(
    ("scores", "ceiling", "expected"),
    [
        (1.0 + 0.01 * NOISE, 0.5, Verdict.CONVERGED),
        (np.where(T < 20, 20.0, 5 + 0.1 * NOISE), 0.5, Verdict.PLATEAU),
        (np.where(T < 20, 20.0, 5 * np.exp(NOISE)), 0.5, Verdict.PLATEAU),
        (np.where(T < 20, 20.0, 5 + 3 * np.sin(0.3 * T)), 0.5, Verdict.CYCLING),
        (20 + 0.1 * NOISE, 0.5, Verdict.NOWHERE),
        (20 * 0.997**T + 1.5, 0.5, Verdict.CONVERGING),
        ([1.0, 2.0, math.nan, 3.0], None, Verdict.DIVERGED),
        ([1.0, 2.0], None, Verdict.UNFINISHED),
    ],
)
def test_scores_against_real_data(scores: list[float], ceiling: float | None, expected: Verdict) -> None:
    assert verdict(list(scores), ceiling=ceiling) == expected
