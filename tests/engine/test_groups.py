"""Groups of a player's parameters with numbers of their own, and parameters that are frozen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arena.config import configure
from arena.engine.env import Arena
from arena.engine.vector_env import Population
from arena.errors import ArenaError

BASE = {"generator.hidden": (6,), "batch": 16, "dtype": "float64", "turns": 50}
SMALL = {**BASE, "discriminator.hidden": (6,)}
SGD = {"generator.optimizer": "sgd", "discriminator.optimizer": "sgd", "generator.lr": 0.1, "discriminator.lr": 0.2}
GROUPS = {"discriminator.groups": ["layers.0.weight(lr=0.02)", "*.bias(lr=0.5, weight_decay=0.1)"]}
RATES = {"layers.0.weight": 0.02, "layers.0.bias": 0.5, "layers.1.weight": 0.2, "layers.1.bias": 0.5}


def started(settings: Mapping[str, Any], **players: nn.Module) -> Arena:
    arena = configure("ring", {**(BASE if players else SMALL), **settings, **players}).build()
    arena.reset(seed=0)
    return arena


def own(arena: Arena) -> dict[str, Tensor]:
    """The discriminator's parameters by their own names, which are those of its layers."""
    return {name: p.detach().clone() for name, p in arena.game.players["discriminator"].named_parameters()}


def test_a_group_steps_with_its_own_numbers() -> None:
    arena = started(SGD | GROUPS)
    before = own(arena)
    arena.play_turn((0.0, 1.0, 1.0))
    decay = {name: 0.1 if name.endswith("bias") else 0.0 for name in before}
    gradient = {n.removeprefix("players.discriminator."): g for n, g in arena.field.first[1].items()}
    for name, after in own(arena).items():
        torch.testing.assert_close(after, before[name] - RATES[name] * (gradient[name] + decay[name] * before[name]))


def test_a_rule_that_looks_ahead_looks_along_each_group() -> None:
    """Extragradient by hand: θ̃ = θ − η·g(θ), θ ← θ − η·g(θ̃), with η that of each parameter."""
    rates = {"discriminator.groups": ["layers.0.weight(lr=0.02)", "*.bias(lr=0.5)"]}
    arena = started(SGD | rates | {"rule": "extragradient"})
    before = {name: p.detach().clone() for name, p in arena.game.named_parameters()}
    arena.play_turn((1.0, 1.0, 1.0))
    eta = {n: 0.1 if ".generator." in n else RATES[n.removeprefix("players.discriminator.")] for n in before}
    after = {name: p.detach().clone() for name, p in arena.game.named_parameters()}
    here = arena.field.gradients({n: p.requires_grad_() for n, p in before.items()})
    there = arena.field.gradients({n: (before[n] - eta[n] * here[n]).detach().requires_grad_() for n in before})
    for name, start in before.items():
        torch.testing.assert_close(after[name], start - eta[name] * there[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_a_population_and_compiled_code_step_as_single_runs(optimizer: str) -> None:
    base = configure("ring", {**SMALL, **GROUPS, "discriminator.optimizer": optimizer})
    configs = [base.vary({"seed": k, "discriminator.lr": 0.01 * (1 + k)}) for k in range(2)]
    population = Population(configs)
    population.reset()
    for _ in range(6):
        population.play_scheduled_turn()
    for k, config in enumerate(configs):
        arena = config.build()
        arena.reset(seed=k)
        for _ in range(6):
            arena.play_scheduled_turn()
        for name, p in arena.game.named_parameters():
            torch.testing.assert_close(population.game.get_parameter(name)[k], p, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ("0.weight(lr=1)", "layers.0.weight"),
        ("*.bias(rate=1)", "lr"),
        ("*.bias", r"\*.bias\(weight_decay=0\)"),
        ("*.bias(lr=-1)", "lr"),
        ("*.bias(lr=fast)", "1e-4"),
        ("*.bias(lr=1", "bracket"),
    ],
)
def test_a_group_that_cannot_be_is_refused(groups: str, said: str) -> None:
    with pytest.raises(ArenaError, match=said):
        started({"discriminator.groups": [groups]})


def half_frozen() -> nn.Module:
    net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
    net[0].requires_grad_(False)
    return net


@pytest.mark.parametrize("rule", ["simultaneous", "extragradient", "consensus", "unrolled", "optimistic"])
def test_frozen_parameters_are_left_alone(rule: str) -> None:
    arena = started({"rule": rule}, discriminator=half_frozen())
    net = arena.game.players["discriminator"]
    before = [p.clone() for p in net.parameters()]
    for _ in range(5):
        arena.play_scheduled_turn()
    assert [bool((p != old).any()) for p, old in zip(net.parameters(), before, strict=True)] == [False, False, True, True]
    assert [p.requires_grad for p in net.parameters()] == [False, False, True, True]


def test_frozen_parameters_are_left_alone_in_a_population(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from torch import nn\ndef half(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> nn.Module:\n"
        "    net = nn.Sequential(nn.Linear(*inputs, 6), nn.Tanh(), nn.Linear(6, *outputs))\n"
        "    net[0].requires_grad_(False)\n    return net\n"
    )
    base = configure("ring", {**BASE, "discriminator.player": f"{tmp_path}/own.py:half"})
    configs = [base.vary({"seed": k}) for k in range(3)]
    population = Population(configs)
    population.reset()
    names = [n for n, _ in population.game.named_parameters() if ".discriminator." in n]
    before = {n: population.game.get_parameter(n).clone() for n in names}
    for _ in range(4):
        population.play_scheduled_turn()
    assert [bool((population.game.get_parameter(n) != before[n]).any()) for n in names] == [False, False, True, True]
    alone = configs[1].build()
    alone.reset(seed=1)
    for _ in range(4):
        alone.play_scheduled_turn()
    for name, p in alone.game.named_parameters():
        torch.testing.assert_close(population.game.get_parameter(name)[1], p, rtol=1e-9, atol=1e-12)


def test_a_player_that_cannot_move_at_all_is_refused() -> None:
    net = half_frozen()
    net.requires_grad_(False)
    with pytest.raises(ArenaError, match="all its parameters are frozen"):
        started({}, discriminator=net)
