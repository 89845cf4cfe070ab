"""The aligned sign of symplectic gradient adjustment where an inner product vanishes, and where it does not."""

import itertools
import math

import pytest
import torch

from arena import Arena
from arena.config import configure
from arena.core.field.field import Field
from arena.engine.vector_env import Population
from arena.games import Bilinear, Quadratic
from arena.rules import SymplecticGradientAdjustment
from arena.rules.linear import LinearGame
from tests.support.cases import one_of_each
from tests.support.quadratic_games import random_jacobian

DISTANCES = (1.0, 10.0, 100.0, 1000.0)


def growth(alpha: float, rate: float) -> float:
    """On f = αxy with the sign +: z⁺ = ((1 − ηα²)I − ηJ)z, so that ‖z⁺‖/‖z‖ = √((1 − ηα²)² + (ηα)²)."""
    return math.hypot(1 - rate * alpha**2, rate * alpha)


GAMES = [(1.0, 0.1), (1.1, 0.1), (3.0, 0.03), (6.0, 0.01)]
"""Curvatures α, and learning rates."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("distance", "game"), one_of_each(DISTANCES, GAMES, pytest.mark.thorough))
def test_rounding_does_not_decide_the_sign_on_a_bilinear_game(distance: float, game: tuple[float, float], dtype: torch.dtype) -> None:
    """⟨v, ∇𝓗⟩ = 0 for f = αxy, so that ε decides, however far from the origin."""
    alpha, rate = game
    make = {role: lambda p: torch.optim.SGD(p, lr=rate) for role in ("x", "y")}
    arena = Arena(Bilinear(scale=alpha), rule=SymplecticGradientAdjustment(), optimizers=make, turns=25, dtype=dtype)
    with torch.no_grad():
        for p, start in zip(arena.game.parameters(), (0.83 * distance, -0.557 * distance), strict=True):
            p.fill_(start)
    norms = [arena.measure_score()]
    for _ in range(25):
        arena.play_turn((1.0, 1.0, 1.0))
        norms.append(arena.measure_score())
    ratios = [after / before for before, after in itertools.pairwise(norms)]
    assert ratios == pytest.approx([growth(alpha, rate)] * 25, rel=1e-4)


def test_members_have_the_sign_of_their_single_runs() -> None:
    settings = {"rule": "sga", "x.optimizer": "sgd", "y.optimizer": "sgd", "x.lr": 0.01, "y.lr": 0.01}
    base = configure("bilinear", settings)
    population = Population([base.vary({"scale": scale}) for scale in (1.1, 3.3, 6.0)], check_equivalence=False)
    with torch.no_grad():
        for p in population.game.parameters():
            p.mul_(100)
    before = population.measure_scores()
    population.play_scheduled_turn()
    expected = [growth(scale, 0.01) for scale in (1.1, 3.3, 6.0)]
    assert (population.measure_scores() / before).tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_a_product_that_does_not_vanish_decides_as_published(seed: int) -> None:
    """sign(⟨v, ∇𝓗⟩⟨Aᵀv, ∇𝓗⟩/d + ε) by matrices, for the rule in both precisions and for its linear map."""
    j = random_jacobian(seed)
    rule = SymplecticGradientAdjustment(epsilon=1e-3)
    game = Quadratic(matrix=tuple(map(tuple, j.tolist())), split=2).double()
    z = torch.cat([p.detach() for p in game.parameters()])
    v, transposed = j @ z, (j.T - j) / 2
    pulled = j.T @ v
    sign = torch.sign((v @ pulled) * (transposed @ v @ pulled) / len(z) + 1e-3)
    expected = v + sign * transposed @ v
    linear = rule.linear_map(LinearGame(j, 2, (0.1, 0.1), z))
    torch.testing.assert_close(linear.matrix @ z, z - 0.1 * expected, rtol=1e-12, atol=1e-12)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        found = torch.cat([*rule.direction(Field(game.to(dtype))).values()])
        torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)


def test_the_linear_map_has_the_sign_of_epsilon_on_a_bilinear_game() -> None:
    j = torch.tensor([[0.0, 1.1], [-1.1, 0.0]], dtype=torch.float64)
    for scale in (1.0, 1e4, 1e8):
        z = scale * torch.tensor([0.83, -0.557], dtype=torch.float64)
        matrix = SymplecticGradientAdjustment().linear_map(LinearGame(j, 1, (0.1, 0.1), z)).matrix
        assert float((matrix @ z).norm() / z.norm()) == pytest.approx(growth(1.1, 0.1), rel=1e-12)
