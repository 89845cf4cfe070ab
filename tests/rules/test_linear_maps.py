"""Each rule is the linear map that it claims to be, with the published spectral radius."""

import itertools
import math

import pytest
import torch

from arena.registry import entries
from arena.rules import (
    AdaptiveCompetitiveGradientDescent,
    LinearGame,
    Simultaneous,
)
from tests.support.cases import one_of_each
from tests.support.known_answers.rules import KNOWN
from tests.support.quadratic_games import BOTH, XY, position, quadratic, random_jacobian

CASES = list(itertools.product([(0.1, 0.1), (0.5, 0.5), (0.1, 0.03)], [0, 1, 2]))
"""Learning rates and seeds."""


@pytest.mark.parametrize(("name", "case"), one_of_each(KNOWN, CASES, pytest.mark.thorough))
def test_a_rule_makes_the_iterates_derived_by_hand(name: str, case: tuple[tuple[float, float], int]) -> None:
    rates, seed = case
    known = KNOWN[name]
    j = random_jacobian(seed)
    arena = quadratic(j, known.build(), rates)
    z = position(arena)
    e = torch.tensor([rates[0]] * 2 + [rates[1]] * 3, dtype=torch.float64).diag()
    for expected in itertools.islice(known.iterates(j, e, 2, z), 12):
        arena.play_turn(BOTH)
        error = (position(arena) - expected).norm() / max(1.0, float(expected.norm()))
        assert error < 1e-12
    assert float((position(arena) - z).norm()) > 1e-3  # something happened


def test_no_rule_is_without_its_closed_form() -> None:
    """A new rule file arrives with a row in known_answers, or this fails."""
    proven = {type(known.build()) for known in KNOWN.values()}
    assert {entry.target for entry in entries("rule").values()} == proven


@pytest.mark.parametrize("name", [name for name, known in KNOWN.items() if known.radius])
@pytest.mark.parametrize("eta", [0.05, 0.1, 0.5])
def test_the_claimed_spectral_radius_on_xy_is_the_published_one(name: str, eta: float) -> None:
    known = KNOWN[name]
    assert known.radius is not None
    published = known.radius(eta)
    claim = known.build().linear_map(LinearGame(XY, 1, (eta, eta)))
    assert claim is not None
    if math.isnan(published):
        assert claim.spectral_radius() > 1
        return
    assert claim.spectral_radius() == pytest.approx(published, abs=1e-7)  # a double eigenvalue has half the digits
    if known.table and eta in (0.1, 0.5):
        assert claim.spectral_radius() == pytest.approx(known.table[(0.1, 0.5).index(eta)], abs=5.5e-7)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_claimed_map_is_the_one_derived_by_hand(name: str, seed: int) -> None:
    known = KNOWN[name]
    j, rates = random_jacobian(seed), (0.1, 0.03)
    e = torch.tensor([rates[0]] * 2 + [rates[1]] * 3, dtype=torch.float64).diag()
    z = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    state = None
    for turn, expected in enumerate(itertools.islice(known.iterates(j, e, 2, z), 10), 1):
        claim = known.build().linear_map(LinearGame(j, 2, rates, z))
        if claim is None:
            assert known.build().__class__ in (AdaptiveCompetitiveGradientDescent,)
            return
        state = claim.begin(z) if state is None else state
        if turn % claim.turns == 0:
            state = claim.matrix @ state
            torch.testing.assert_close(state[:5], expected, rtol=1e-11, atol=1e-11)
        z = expected


def test_alternating_turns_conserve_their_invariant_exactly() -> None:
    """Gidel et al. 2019: x² + y² − ηxy is conserved when x moves and then y."""
    eta = 0.3
    arena = quadratic(torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64), Simultaneous(), (eta, eta), split=1)
    x, y = position(arena).tolist()
    start = x * x + y * y - eta * x * y
    for turn in range(200):
        arena.play_turn((1.0, 0.0, 1.0) if turn % 2 == 0 else (0.0, 1.0, 1.0))
    x, y = position(arena).tolist()
    assert x * x + y * y - eta * x * y == pytest.approx(start, rel=1e-12)
