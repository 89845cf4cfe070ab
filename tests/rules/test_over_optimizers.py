"""Rules over any torch optimizer leave no footprints, and extra-Adam is its step by hand."""

import functools
import itertools
import math
from collections.abc import Callable

import pytest
import torch

from arena import Arena, Game, UpdateRule
from arena.config import configure
from arena.games import Bilinear
from arena.optimizers import adam, sgd
from arena.registry import entries
from arena.rules import (
    Averaging,
    CompetitiveGradientDescent,
    Extragradient,
    FollowTheRidge,
    LookaheadMinimax,
    Optimistic,
)
from tests.support.cases import one_of_each
from tests.support.quadratic_games import BOTH, OPTIMIZERS, position, quadratic, random_jacobian

VARIANTS = [
    lambda: Extragradient(moments="restored"),
    lambda: Optimistic(on="updates"),
    lambda: FollowTheRidge(damping=1.0, iterations=5, incomplete="accept"),  # as published for nets, whose losses are nearly flat in places
    lambda: LookaheadMinimax(Averaging(Extragradient()), k=2),
    lambda: CompetitiveGradientDescent(warm_start=True),
]


@functools.cache
def builder(game: str) -> tuple[Callable[[], Game] | None, tuple[str, str]]:
    """Configure a game once for all rules and optimizers; return what builds it, and its roles."""
    arena = configure(game, {"dtype": "float64"} | ({"batch": 16} if game == "swiss-roll" else {})).build()
    return arena.episode.setup.game, arena.game.roles


RULES = [*(e.target for e in entries("rule").values() if e.target is not FollowTheRidge), *VARIANTS]
CASES = list(itertools.product(OPTIMIZERS, ["quadratic", "swiss-roll"]))


@pytest.mark.parametrize(("rule", "case"), one_of_each(RULES, CASES, pytest.mark.thorough))
def test_rules_over_optimizers_leave_no_footprints(rule: type[UpdateRule], case: tuple[str, str]) -> None:
    """Buffers, global randomness, requires_grad and the player that stays are as they were."""
    optimizer, game = case
    build, roles = builder(game)
    assert build is not None
    arena = Arena(build, rule=rule(), optimizers=dict.fromkeys(roles, OPTIMIZERS[optimizer]), dtype=torch.float64)
    first, _ = roles
    for _ in range(3):
        arena.play_turn(BOTH, measure=True)
    assert all(math.isfinite(arena.read_signals()[f"{role}.{what}"]) for role in arena.game.roles for what in ("loss", "gradient_norm"))
    still = [p.detach().clone() for p in arena.game.players[first].parameters()]
    moments = str(arena.optimizers[first].state_dict())
    stream = torch.get_rng_state()
    arena.play_turn((0.0, 1.0, 1.0))
    assert all(torch.equal(a, b) for a, b in zip(still, arena.game.players[first].parameters(), strict=True))
    assert str(arena.optimizers[first].state_dict()) == moments
    assert torch.equal(stream, torch.get_rng_state())
    assert all(p.requires_grad for p in arena.game.parameters())
    assert all(bool(p.isfinite().all()) for p in arena.game.parameters())


def test_extra_adam_updates_its_moments_twice_and_can_restore_them() -> None:
    for moments, steps in (("kept", 2.0), ("restored", 1.0)):
        arena = quadratic(random_jacobian(0), Extragradient(moments=moments), (0.1, 0.1), optimizer="adam")  # type: ignore[arg-type]
        arena.play_turn(BOTH)
        assert {float(s["step"]) for s in arena.optimizers["x"].state.values()} == {steps}


def test_extra_adam_against_a_step_by_hand() -> None:
    """Two Adam steps written out in numbers, from x = y = 1 on f = xy: look ahead, then step from the start with the new gradient."""
    lr, (b1, b2), eps = 0.1, (0.5, 0.9), 1e-8
    j = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    arena = quadratic(j, Extragradient(), (0.1, 0.1), split=1)
    factory = functools.partial(adam, lr=lr, betas=(b1, b2), eps=eps)
    arena = Arena(arena.episode.setup.game, rule=Extragradient(), optimizers={"x": factory, "y": factory}, dtype=torch.float64)
    with torch.no_grad():
        for p in arena.game.parameters():
            p.fill_(1.0)

    def adam_step(m: float, v: float, g: float, t: int) -> tuple[float, float, float]:
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        return m, v, lr * (m / (1 - b1**t)) / (math.sqrt(v / (1 - b2**t)) + eps)

    mx, vx, dx = adam_step(0, 0, 1.0, 1)  # ∂f/∂x = y = 1
    my, vy, dy = adam_step(0, 0, -1.0, 1)  # y minimises −xy: −x = −1
    ahead_x, ahead_y = 1 - dx, 1 - dy
    _, _, dx = adam_step(mx, vx, ahead_y, 2)
    _, _, dy = adam_step(my, vy, -ahead_x, 2)
    arena.play_turn(BOTH)
    assert position(arena).tolist() == pytest.approx([1 - dx, 1 - dy], abs=1e-12)


# The faults found in published implementations, planted in a copy of the rule that keeps the rule's claims ----------------------


def test_any_gradient_layout_reaches_a_fused_optimizer() -> None:
    """Σx has the gradient of an expanded scalar, with stride 0; the fused kernel must still see ones."""

    class Sum(Bilinear):
        zero_sum = False

        def losses(self, batch, coupling, movers):  # type: ignore[no-untyped-def]
            return {role: self.players[role]().sum() for role in movers}

    arena = Arena(functools.partial(Sum, dim=7), optimizers=dict.fromkeys("xy", functools.partial(sgd, lr=0.5)))
    z = position(arena)
    arena.play_turn(BOTH)
    torch.testing.assert_close(position(arena), z - 0.5)
