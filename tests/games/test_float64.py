"""A game in float64 has constants, data and scores of float64: each stands in its closed form to 1e-14."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arena import Arena, Game
from arena.config import configure
from arena.engine.vector_env import Population
from arena.games import Bilinear, Quadratic
from arena.players import Vector
from tests.conftest import SELF_CONTAINED

J = [[0.3, 1.1], [-1.1, 0.2]]
EXACT = {"rtol": 0.0, "atol": 1e-14}


def start_at(game: Game, *numbers: float) -> None:
    with torch.no_grad():
        for p, number in zip(game.parameters(), numbers, strict=True):
            p.fill_(number)


def in_float64(name: str, **settings: Any) -> Game:
    return configure(name, {"dtype": "float64", **settings}).build().game


def sample(name: str, **settings: Any) -> Any:
    return configure(name, {"dtype": "float64", **settings}).build().episode.stream.next()


def test_a_quadratic_game_is_the_power_of_its_matrix() -> None:
    rates = {"x.lr": 0.1, "y.lr": 0.1, "x.optimizer": "sgd", "y.optimizer": "sgd", "until_solved": False}
    arena = configure("quadratic", {"matrix": J, "dtype": "float64", "turns": 50, **rates}).build()
    start_at(arena.game, 1.0, 0.5)
    for _ in range(50):
        arena.play_scheduled_turn()
    expected = np.linalg.matrix_power(np.eye(2) - 0.1 * np.array(J), 50) @ [1.0, 0.5]
    assert [p.item() for p in arena.game.parameters()] == pytest.approx(expected, abs=1e-14)


def test_a_matrix_is_rounded_once_to_the_precision_of_the_game() -> None:
    game = Quadratic(matrix=J)
    assert game.jacobian.dtype == torch.float32
    assert game.double().jacobian.tolist() == J
    assert game.float().double().jacobian.tolist() == J  # not the float32 matrix
    assert Arena(Bilinear(scale=0.1), dtype=torch.float64).game.jacobian[0, 1].item() == 0.1


def test_a_matrix_that_was_replaced_stays() -> None:
    game = Quadratic(matrix=J).double()
    game.jacobian = 2 * game.jacobian
    assert game.float().jacobian.tolist() == (2 * torch.tensor(J)).tolist()


def test_members_have_the_matrix_that_was_given() -> None:
    base = configure("bilinear", {"dtype": "float64"})
    population = Population([base.vary({"scale": scale}) for scale in (0.1, 0.3)])
    assert population.game.jacobian[:, 0, 1].tolist() == [0.1, 0.3]


def turned(points: Tensor, angle: Tensor) -> Tensor:
    """Return the distance of each point's direction from an angle."""
    return (points - points.norm(dim=1, keepdim=True) * torch.stack([angle.cos(), angle.sin()], 1)).norm(dim=1)


def test_points_of_the_plane_are_on_their_curves() -> None:
    ring, grid, roll, moons, wheel, board = (
        sample(name, noise=0.0, batch=64)[0] for name in ("ring", "grid", "swiss-roll", "two-moons", "pinwheel", "checkerboard")
    )
    assert {t.dtype for t in (ring, grid, roll, moons, wheel, board)} == {torch.float64}
    eighths = torch.atan2(ring[:, 1], ring[:, 0]) / (math.pi / 4)
    torch.testing.assert_close(ring.norm(dim=1), torch.full((64,), 2.0, dtype=torch.float64), **EXACT)
    torch.testing.assert_close(eighths, eighths.round(), **EXACT)
    torch.testing.assert_close(grid / 1.5, (grid / 1.5).round(), **EXACT)
    assert turned(roll, 7.5 * roll.norm(dim=1)).max() < 1e-13
    upper = moons + torch.tensor([0.5, 0.25], dtype=torch.float64)
    lower = moons - torch.tensor([0.5, 0.25], dtype=torch.float64)
    radius = torch.where((upper.norm(dim=1) - 1).abs() < 1e-3, upper.norm(dim=1), lower.norm(dim=1))
    torch.testing.assert_close(radius, torch.ones_like(radius), **EXACT)
    wheel = wheel[wheel.norm(dim=1) > 0.1]
    arm = (torch.atan2(wheel[:, 1], wheel[:, 0]) - 0.25 * (wheel.norm(dim=1) / 1.5).exp()) / (2 * math.pi / 5)
    assert ((arm - arm.round()).abs() < 1e-13).float().mean() > 0.9  # an arm's few points beyond the centre lie opposite


@pytest.mark.parametrize(("game", "side"), [("ring", 2 * math.sqrt(2 - math.sqrt(2))), ("grid", 1.5)])
def test_the_centres_of_modes_are_exact(game: str, side: float) -> None:
    centres = in_float64(game).modes().centres  # type: ignore[attr-defined]
    nearest = torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(9.0).amin(1)
    torch.testing.assert_close(nearest, torch.full_like(nearest, side), **EXACT)


@pytest.mark.parametrize("game", ["regression", "regression-gap", "regression-2d"])
def test_branches_of_regression_have_no_distance_to_themselves(game: str) -> None:
    played: Any = in_float64(game, noise=1e-9)
    x, y = played.pairs(200, torch.Generator().manual_seed(0))
    assert (x.dtype, y.dtype) == (torch.float64, torch.float64)
    assert float(played.distance(x, played.branch(x, torch.Generator().manual_seed(1))).max()) < 1e-14
    assert 1e-10 < float(played.distance(x, y).mean()) < 1e-8  # σ survives, too


@pytest.mark.parametrize(
    ("game", "settings", "scale", "shift"),
    [
        ("digits", {}, 127.5, 1.0),
        ("dann", {"source": "digits", "target": "shaded-digits"}, 255.0, 0.5),
        ("attack", {"data": "digits"}, 255.0, 0.0),
    ],
)
def test_pixels_are_exact_fractions(game: str, settings: dict[str, Any], scale: float, shift: float) -> None:
    batch = sample(game, batch=4, **settings)
    pixels = scale * ((batch["image"] if isinstance(batch, dict) else batch[0]) + shift)
    torch.testing.assert_close(pixels, pixels.round(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SELF_CONTAINED)
def test_a_score_is_not_rounded_to_float32(name: str) -> None:
    game = in_float64(name, **({"data": "digits"} if name == "attack" else {}))
    with torch.no_grad():
        score = game.score()
    assert not isinstance(score, Tensor) or score.dtype == torch.float64


def test_the_distance_of_samples_has_the_digits_of_float64() -> None:
    from arena.games.gan.scores import against_real

    real = torch.rand(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    angle = np.arange(64) * (math.pi / 64)
    moved = np.abs(np.stack([np.cos(angle), np.sin(angle)]).T @ [0.1, 0.2]).mean()  # a shift by m is |θᵀm| along each θ
    distance = against_real(lambda _: real + torch.tensor([0.1, 0.2], dtype=torch.float64), lambda n, rng: real, 64, 3)
    assert float(distance) == pytest.approx(moved, abs=1e-15)


class Tenth(Game):
    """A game whose score is a plain number."""

    def __init__(self) -> None:
        super().__init__(x=Vector(1), y=Vector(1))

    def sample(self, rng: Any) -> None:
        return None

    def losses(self, batch: None, coupling: Any, movers: Any) -> dict[str, Tensor]:
        product = coupling * (self.players["x"]() * self.players["y"]()).sum()
        return {"x": product, "y": -product}

    def score(self) -> float:
        return 0.1

    def metrics(self) -> dict[str, float | Tensor]:
        return {"third": 1 / 3}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_member_has_the_plain_score_of_its_single_run(dtype: str) -> None:
    base = configure(Tenth, {"dtype": dtype})
    population = Population([base.vary({"seed": seed}) for seed in range(2)])
    assert population.measure_scores().tolist() == [0.1, 0.1]
    assert population.measure_metrics()["third"].tolist() == [1 / 3, 1 / 3]
