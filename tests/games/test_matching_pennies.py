"""Matching pennies: expected pennies as losses, the gap between best responses as score, a centre as equilibrium."""

import functools
import itertools

import pytest
import torch

from arena import Arena, Field
from arena.games import MatchingPennies
from arena.optimizers import sgd
from arena.rules import Extragradient, Simultaneous


def pennies(x: float, y: float) -> MatchingPennies:
    game = MatchingPennies().double()
    with torch.no_grad():
        game.players["even"].value.fill_(x)
        game.players["odd"].value.fill_(y)
    return game


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.7, -1.2), (-2.0, 3.0), (9.0, 0.1)])
def test_against_the_table_of_pennies(x: float, y: float) -> None:
    """The loss is the expectation of the payoff table, and the score what best responses gain."""
    p, q = torch.tensor([x, y], dtype=torch.float64).sigmoid().tolist()

    def gain(p: float, q: float) -> float:
        sides = itertools.product(((1, p), (0, 1 - p)), ((1, q), (0, 1 - q)))
        return sum((1 if a == b else -1) * of_a * of_b for (a, of_a), (b, of_b) in sides)

    game = pennies(x, y)
    losses = {role: loss.item() for role, loss in game(None, 1.0, game.keys).items()}
    assert losses == {"even": pytest.approx(-gain(p, q), abs=1e-12), "odd": pytest.approx(gain(p, q), abs=1e-12)}
    gap = max(gain(0, q), gain(1, q)) - min(gain(p, 0), gain(p, 1))
    assert game.score().item() == pytest.approx(gap, abs=1e-12)


def test_the_jacobian_at_the_equilibrium() -> None:
    field = Field(pennies(0.0, 0.0))
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    along_x = torch.cat([*field.jvp({"players.even.value": one, "players.odd.value": zero}).values()])
    along_y = torch.cat([*field.jvp({"players.even.value": zero, "players.odd.value": one}).values()])
    expected = torch.tensor([[0, -1 / 4], [1 / 4, 0]], dtype=torch.float64)
    torch.testing.assert_close(torch.stack([along_x, along_y], dim=1), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("rule", "converges"), [(Simultaneous, False), (Extragradient, True)])
def test_descent_rotates_and_extragradient_converges(rule: type, converges: bool) -> None:
    game = pennies(1.0, 0.5)
    before = game.score().item()
    fast = functools.partial(sgd, lr=1.0)
    arena = Arena(game, rule=rule(), optimizers={"even": fast, "odd": fast}, dtype=torch.float64)
    for _ in range(400):
        arena.play_turn((1.0, 1.0, 1.0))
    assert game.score().item() < 1e-3 if converges else game.score().item() > before
