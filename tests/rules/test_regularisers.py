"""Every update rule on every penalty, what products with the Jacobian make of them, and what cannot be differentiated."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arena import Arena, Field, Population, Rng
from arena.config import configure
from arena.core.directions import dot
from arena.errors import RuleUndefined
from arena.games import Ring
from arena.games.gan.penalties import PENALTIES
from arena.optimizers import sgd
from arena.players import MLP
from arena.registry import entries, lookup
from tests.support.cases import one_of_each
from tests.support.operations import Once

PLAYERS: dict[str, Any] = {
    "generator": functools.partial(MLP, hidden=(4,), activation="softplus"),
    "discriminator": functools.partial(MLP, hidden=(4,), activation="softplus"),
    "batch": 4,
}
RULES = sorted(entries("rule"))


def ring(**settings: Any) -> Ring:
    torch.manual_seed(0)
    return Ring(**{**PLAYERS, **settings}).double()


def flat(parameters: Any) -> Tensor:
    return torch.cat([p.detach().flatten() for p in parameters])


@functools.cache
def end(rule: str, penalty: str) -> Tensor:
    """Where two turns end."""
    game = functools.partial(Ring, **PLAYERS, penalty=penalty)  # type: ignore[arg-type]
    step = functools.partial(sgd, lr=0.01)
    made = lookup("rule", rule).target()
    arena = Arena(game, rule=made, optimizers={"generator": step, "discriminator": step}, dtype=torch.float64)
    for _ in range(2):
        arena.play_turn((1.0, 1.0, 1.0))
    return flat(arena.game.parameters())


@pytest.mark.parametrize(("rule", "penalty"), one_of_each(RULES, PENALTIES, pytest.mark.thorough))
def test_every_rule_plays_every_penalty(rule: str, penalty: str) -> None:
    found = end(rule, penalty)
    assert bool(found.isfinite().all())
    assert float((found - end(rule, "none")).abs().max()) > 1e-6


@pytest.mark.parametrize(
    "settings", [{"penalty": name} for name in PENALTIES] + [{"penalty": "wgan-gp", "pack": 2, "loss": "relativistic"}]
)
def test_products_with_the_jacobian_are_derivatives_of_the_field(settings: dict[str, Any]) -> None:
    """Third derivatives of the discriminator: J·t by central differences, and ⟨c, J·t⟩ = ⟨Jᵀ·c, t⟩."""
    game = ring(**settings)
    field = Field(game)
    field.freeze(tuple(t.double() for t in game.sample(Rng().seed_both(0, 1))), 0.7)
    rng = torch.Generator().manual_seed(1)
    draw = lambda: {name: torch.randn(p.shape, generator=rng, dtype=p.dtype) for name, p in field.moving.items()}  # noqa: E731
    tangent, cotangent, h = draw(), draw(), 1e-5
    sides = [field.gradients({n: p.detach() + s * h * tangent[n] for n, p in field.moving.items()}) for s in (1, -1)]
    product = field.jvp(tangent)
    for name, found in product.items():
        torch.testing.assert_close(found, (sides[0][name] - sides[1][name]) / (2 * h), rtol=1e-5, atol=1e-6)
    assert float(dot(cotangent, product)) == pytest.approx(float(dot(field.vjp(cotangent), tangent)), rel=1e-9)


@pytest.mark.parametrize("rule", ["consensus", "symplectic-gradient-adjustment", "unrolled", "competitive-gradient-descent"])
def test_members_equal_their_runs_alone_under_rules_of_second_order(rule: str) -> None:
    small = {"generator.hidden": [4], "discriminator.hidden": [4], "discriminator.spectral_norm": True, "batch": 4, "turns": 3}
    base = configure("ring", {**small, "dtype": "float64", "penalty": "wgan-gp", "instance_noise": 0.2, "rule": rule})
    configs = [base, base.vary({"seed": 1, "gamma": 2.0})]
    together = Population(configs, check_equivalence=False)
    together.reset()
    alone = [config.build() for config in configs]
    for arena, config in zip(alone, configs, strict=True):
        arena.reset(seed=config.run.seed)
    for _ in range(3):
        together.play_scheduled_turn()
        for arena in alone:
            arena.play_scheduled_turn()
    for member, arena in enumerate(alone):
        assert float((flat(p[member] for p in together.game.parameters()) - flat(arena.game.parameters())).abs().max()) < 1e-10


class Squares(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return Once.apply(self.layer(x))


def test_a_discriminator_that_cannot_be_differentiated_twice_is_told_of() -> None:
    """Without a penalty the rule of gradients alone plays it."""
    Arena(functools.partial(Ring, discriminator=Squares, batch=4)).play_turn((1.0, 1.0, 1.0))
    arena = Arena(functools.partial(Ring, discriminator=Squares, batch=4, penalty="r1"))
    with pytest.raises(RuleUndefined) as refused:
        arena.play_turn((1.0, 1.0, 1.0))
    assert str(refused.value).startswith(
        "Simultaneous in turn 1: the penalty needs second derivatives of the discriminator, which one of its operations lacks"
    )
    assert str(refused.value).endswith("). Fix: use penalty none, or another discriminator")


def test_a_convolutional_discriminator_with_batch_norm_bears_a_penalty() -> None:
    from arena.games import Digits

    class Convolutional(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(
                nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.LeakyReLU(0.2), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(4, 1)
            )

    game = functools.partial(Digits, discriminator=Convolutional, batch=4, penalty="wgan-gp")
    for rule in ("simultaneous", "consensus"):
        arena = Arena(game, rule=lookup("rule", rule).target())
        arena.play_turn((1.0, 1.0, 1.0))
        assert bool(flat(arena.game.parameters()).isfinite().all())
