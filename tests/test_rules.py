"""Each rule is the linear map that it claims to be, over any torch optimizer, and a planted fault is caught."""

import functools
import math

import pytest
import torch
from torch import Tensor

from arena import Arena, UpdateRule
from arena.config import configure
from arena.optimizers import adam, adamw, rmsprop, sgd
from arena.registry import entries
from arena.rules import Extragradient, Simultaneous, Turn
from arena.schedulers import Alternating
from games import Bilinear, Quadratic
from tests.known_answers.rules import MAPS

OPTIMIZERS = {
    "sgd": functools.partial(sgd, lr=0.1),
    "momentum": functools.partial(sgd, lr=0.05, momentum=0.9),
    "negative momentum": functools.partial(sgd, lr=0.05, momentum=-0.5),
    "rmsprop": functools.partial(rmsprop, lr=0.01),
    "adam": functools.partial(adam, lr=0.01, betas=(0.5, 0.9)),
    "adamw": functools.partial(adamw, lr=0.01),
}
BOTH = (1.0, 1.0, 1.0)


def random_jacobian(seed: int, first: int = 2, second: int = 3) -> Tensor:
    """Any J whose diagonal blocks are symmetric, as second derivatives are."""
    rng = torch.Generator().manual_seed(seed)
    j = torch.randn(first + second, first + second, generator=rng, dtype=torch.float64)
    for block in (slice(0, first), slice(first, None)):
        j[block, block] = (j[block, block] + j[block, block].T) / 2
    return j


def position(arena: Arena) -> Tensor:
    return torch.cat([p.detach().flatten() for p in arena.game.parameters()]).clone()


def quadratic(j: Tensor, rule: UpdateRule, eta: float, split: int = 2, optimizer: str = "sgd") -> Arena:
    build = functools.partial(Quadratic, matrix=tuple(map(tuple, j.tolist())), split=split)
    factory = functools.partial(sgd, lr=eta) if optimizer == "sgd" else OPTIMIZERS[optimizer]
    torch.set_default_dtype(torch.float64)
    try:
        arena = Arena(build, rule=rule, optimizers={"x": factory, "y": factory}, dtype=torch.float64)
    finally:
        torch.set_default_dtype(torch.float32)
    return arena


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("eta", [0.1, 0.5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_rule_is_its_linear_map(name: str, eta: float, seed: int) -> None:
    build, linear_map, _ = MAPS[name]
    j = random_jacobian(seed)
    arena = quadratic(j, build(), eta)
    z = position(arena)
    for _ in range(3):
        arena.play_turn(BOTH)
        z = linear_map(j, eta) @ z
        torch.testing.assert_close(position(arena), z, rtol=1e-12, atol=1e-12)


def test_no_rule_is_without_its_closed_form() -> None:
    """A new rule file arrives with a row in known_answers, or this fails."""
    proven = {type(build()) for build, _, _ in MAPS.values()}
    assert {entry.target for entry in entries("rule").values()} == proven


@pytest.mark.parametrize("name", [name for name, row in MAPS.items() if row[2]])
@pytest.mark.parametrize("which", [0, 1])
def test_the_spectral_radius_on_xy(name: str, which: int) -> None:
    build, _, radii = MAPS[name]
    assert radii is not None
    j = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    arena = quadratic(j, build(), (0.1, 0.5)[which], split=1)
    before = position(arena).norm()
    arena.play_turn(BOTH)  # the map is normal: each step scales the distance by exactly ρ
    assert float(position(arena).norm() / before) == pytest.approx(radii[which], abs=5e-7)


def test_alternating_turns_conserve_their_invariant_exactly() -> None:
    """Gidel et al. 2019: x² + y² − ηxy is conserved when x moves and then y."""
    eta = 0.3
    arena = quadratic(torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64), Simultaneous(), eta, split=1)
    x, y = position(arena).tolist()
    start = x * x + y * y - eta * x * y
    for turn in range(200):
        arena.play_turn((1.0, 0.0, 1.0) if turn % 2 == 0 else (0.0, 1.0, 1.0))
    x, y = position(arena).tolist()
    assert x * x + y * y - eta * x * y == pytest.approx(start, rel=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rule", [*(e.target for e in entries("rule").values()), lambda: Extragradient(moments="restored")])
@pytest.mark.parametrize("game", ["quadratic", "swiss-roll"])
def test_rules_over_optimizers_leave_no_footprints(optimizer: str, rule: type[UpdateRule], game: str) -> None:
    """Buffers, global randomness, requires_grad and the player that stays are as they were."""
    arena = configure(game, {"dtype": "float64"} | ({"batch": 16} if game == "swiss-roll" else {})).build()
    arena = Arena(arena._build, rule=rule(), optimizers=dict.fromkeys(arena.game.roles, OPTIMIZERS[optimizer]), dtype=torch.float64)
    first, _ = arena.game.roles
    for _ in range(3):
        arena.play_turn(BOTH)
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
        arena = quadratic(random_jacobian(0), Extragradient(moments=moments), 0.1, optimizer="adam")  # type: ignore[arg-type]
        arena.play_turn(BOTH)
        assert {float(s["step"]) for s in arena.optimizers["x"].state.values()} == {steps}


def test_extra_adam_against_a_step_by_hand() -> None:
    """Two Adam steps written out in numbers, from x = y = 1 on f = xy: look ahead, then step from the start with the new gradient."""
    lr, (b1, b2), eps = 0.1, (0.5, 0.9), 1e-8
    j = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    arena = quadratic(j, Extragradient(), 0.1, split=1)
    factory = functools.partial(adam, lr=lr, betas=(b1, b2), eps=eps)
    arena = Arena(arena._build, rule=Extragradient(), optimizers={"x": factory, "y": factory}, dtype=torch.float64)
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


class StepsOneByOne(UpdateRule):
    """The published fault: the first player moves before the second one's gradient is taken."""

    def step(self, turn: Turn) -> None:
        for key in ("x", "y"):
            for name, p in turn.field.parameters[key].items():
                p.data.sub_(0.1 * turn.field.gradients()[name])


class ForgetsToRestore(UpdateRule):
    """The published fault: the look-ahead is not taken back."""

    def step(self, turn: Turn) -> None:
        turn.move(turn.field.gradients())
        turn.move(turn.field.gradients())


class FreezesOwnBlock(UpdateRule):
    """The published fault: an "extragradient" in which each player looks ahead at the other's move only (LookAhead)."""

    def direction(self, field):  # type: ignore[no-untyped-def]
        now = field.gradients()
        ahead = {name: p.detach() - 0.1 * now[name] for name, p in field.moving.items()}
        x, y = field.parameters["x"], field.parameters["y"]
        for_x = field.gradients({name: ahead[name] for name in y})
        for_y = field.gradients({name: ahead[name] for name in x})
        return {**{n: for_x[n] for n in x}, **{n: for_y[n] for n in y}}


@pytest.mark.parametrize(
    ("faulty", "claimed"),
    [(StepsOneByOne, "simultaneous"), (ForgetsToRestore, "extragradient"), (FreezesOwnBlock, "extragradient")],
)
def test_a_planted_fault_is_caught_by_the_linear_map(faulty: type[UpdateRule], claimed: str) -> None:
    j, linear_map = random_jacobian(0), MAPS[claimed][1]
    arena = quadratic(j, faulty(), 0.1)
    z = position(arena)
    arena.play_turn(BOTH)
    assert (position(arena) - linear_map(j, 0.1) @ z).norm() > 1e-4


def test_a_rule_without_a_method_is_refused() -> None:
    with pytest.raises(Exception, match=r"the rule Empty has neither direction\(field\) nor step\(turn\)"):
        type("Empty", (UpdateRule,), {})


def test_shares_scale_the_learning_rate() -> None:
    arena = quadratic(random_jacobian(0), Simultaneous(), 0.1)
    z = position(arena)
    arena.play_turn((0.5, 1.0, 1.0))
    scale = torch.tensor([0.05, 0.05, 0.1, 0.1, 0.1], dtype=torch.float64)
    torch.testing.assert_close(position(arena), z - scale * (random_jacobian(0) @ z), rtol=1e-12, atol=1e-12)


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


def test_an_alternating_scheduler_moves_one_player_a_turn() -> None:
    arena = Arena(Bilinear, scheduler=Alternating(ratio=3), turns=8)
    for _ in range(8):
        arena.play_scheduled_turn()
    assert arena.moves == {"x": 2, "y": 6}
