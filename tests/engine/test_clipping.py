"""Clipping of a player's steps: torch's own functions, closed forms, populations and compiled code."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import arena
from arena.config import configure
from arena.errors import ArenaError
from arena.optimizers import Clipping, sgd
from benchmarks.equality import difference
from tests.conftest import QUIET

SMALL = {"generator.hidden": (8,), "discriminator.hidden": (8,), "batch": 16}


@pytest.fixture
def direction() -> dict[str, torch.Tensor]:
    stream = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=stream, dtype=torch.float64) for name, shape in (("w", (4, 3)), ("b", (4,)), ("s", ()))}


def as_torch_does(direction: dict[str, torch.Tensor], clip: Any) -> dict[str, torch.Tensor]:
    parameters = {name: nn.Parameter(torch.zeros_like(g)) for name, g in direction.items()}
    for name, p in parameters.items():
        p.grad = direction[name].clone()
    clip(parameters.values())
    return {name: p.grad for name, p in parameters.items() if p.grad is not None}


@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_norm_and_value_are_those_of_torch(direction: dict[str, torch.Tensor], limit: float) -> None:
    before = {name: g.clone() for name, g in direction.items()}
    for own, theirs in (
        (Clipping(clip_norm=limit), lambda ps: nn.utils.clip_grad_norm_(ps, limit)),
        (Clipping(clip_value=limit), lambda ps: nn.utils.clip_grad_value_(ps, limit)),
    ):
        found, wanted = own(direction, direction), as_torch_does(direction, theirs)
        for name in direction:
            torch.testing.assert_close(found[name], wanted[name], rtol=1e-13, atol=0)
    assert all(torch.equal(direction[name], before[name]) for name in direction)  # a rule may keep its direction


def test_adaptive_clipping_bounds_the_ratio_of_each_unit(direction: dict[str, torch.Tensor]) -> None:
    """‖gᵢ‖ ≤ λ·max(‖θᵢ‖, 10⁻³), with the direction of each unit kept, by hand for each row."""
    parameters = {name: 0.1 * g.roll(1) for name, g in direction.items()} | {"s": torch.zeros((), dtype=torch.float64)}
    found = Clipping(clip_adaptive=0.2)(direction, parameters)
    for row in range(4):
        g, p = direction["w"][row], parameters["w"][row]
        torch.testing.assert_close(found["w"][row], g * min(1.0, float(0.2 * p.norm() / g.norm())))
    b = direction["b"] * min(1.0, float(0.2 * parameters["b"].norm() / direction["b"].norm()))  # a vector is one unit
    torch.testing.assert_close(found["b"], b)
    assert float(found["s"].abs()) == pytest.approx(0.2e-3)


def test_each_member_has_its_own_norm_and_limit(direction: dict[str, torch.Tensor]) -> None:
    """And a limit of 0 is none, for that member alone."""
    others = {name: 3 * g.flip(0) if g.dim() else 3 * g for name, g in direction.items()}
    stacked = {name: torch.stack([direction[name], others[name]]) for name in direction}
    for limits in ({"clip_norm": (0.5, 0.0)}, {"clip_value": (0.0, 0.1)}, {"clip_adaptive": (0.3, 0.2)}):
        ((name, pair),) = limits.items()
        together = Clipping(**{name: torch.tensor(pair, dtype=torch.float64)})(stacked, stacked, members=True)  # type: ignore[arg-type]
        for member, own in enumerate((direction, others)):
            alone = Clipping(**{name: pair[member]})(own, own)
            for key in own:
                torch.testing.assert_close(together[key][member], alone[key], rtol=1e-13, atol=0)


def test_a_clipped_turn_is_the_step_by_hand() -> None:
    """f = xy, one simultaneous turn: v = (y, −x), with norms clipped to ½ and 10 by the formula of torch."""
    settings = {"dtype": "float64", "x.lr": 0.1, "y.lr": 0.1, "x.clip_norm": 0.5, "y.clip_norm": 10.0, "x.start": 9.0, "y.start": 9.0}
    env = configure("bilinear", settings).build()
    env.reset(seed=0)
    before = weights(env.game).tolist()
    env.play_scheduled_turn()
    steps = [(b - a) / 0.1 for a, b in zip(weights(env.game).tolist(), before, strict=True)]
    gradients = [before[1], -before[0]]
    wanted = [g * min(1.0, limit / (abs(g) + 1e-6)) for g, limit in zip(gradients, (0.5, 10.0), strict=True)]
    assert abs(steps[0]) == pytest.approx(0.5, rel=1e-5) and abs(gradients[0]) > 1  # it was clipped
    assert steps == pytest.approx(wanted, rel=1e-9)


def weights(game: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in game.parameters()])


@pytest.mark.parametrize("rule", ["simultaneous", "extragradient", "optimistic"])
def test_a_population_clips_each_member_as_its_single_run(rule: str) -> None:
    limits = (0.02, 0.0, 0.5)
    members = [{"discriminator.clip_norm": c, "generator.clip_value": c / 10, "generator.clip_adaptive": c} for c in limits]
    assert difference("ring", {**SMALL, "rule": rule, "discriminator.optimizer": "sgd", "dtype": "float64"}, members, 5) < 1e-10


@pytest.mark.thorough
def test_compiled_code_clips_as_eager_code_does() -> None:
    ends = []
    for compile in (False, True):
        env = configure("ring", {**SMALL, "turns": 5, "compile": compile, "discriminator.clip_norm": 0.02}).build()
        env.reset(seed=0)
        for _ in range(5):
            env.play_scheduled_turn()
        ends.append(weights(env.game))
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-6)


def test_clipping_is_a_setting_that_a_resumed_run_keeps(tmp_path: Path) -> None:
    words = {"discriminator.clip_norm": 0.01, "turns": 20, "checkpoint.every": 5, **SMALL, **QUIET}
    arena.play("ring", out=tmp_path / "whole", display=False, **words)
    cut = tmp_path / "cut"
    shutil.copytree(tmp_path / "whole", cut)
    rows = (cut / "trace.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (cut / "trace.jsonl").write_text("".join(row for row in rows if json.loads(row).get("turn", 0) <= 10), encoding="utf-8")
    for late in ("turn-00000015.pt", "turn-00000020.pt"):
        (cut / "checkpoints" / late).unlink()
    arena.resume(cut, display=False)
    whole, again = (torch.load(folder / "checkpoints" / "turn-00000020.pt", weights_only=True) for folder in (tmp_path / "whole", cut))
    here, there = whole["arena"]["game"], again["arena"]["game"]
    assert all(torch.equal(t, there[name]) for name, t in here.items())
    free = arena.play("ring", out=tmp_path / "free", display=False, **{**words, "discriminator.clip_norm": 0.0})
    assert free.arena is not None
    assert any(not torch.equal(t, here[name]) for name, t in free.arena.game.state_dict().items())


def test_an_optimizer_that_is_given_as_an_object_is_clipped_too() -> None:
    config = configure("bilinear", {"x.optimizer": lambda parameters: sgd(parameters, lr=0.1), "x.clip_value": 0.25})
    assert config.build().episode.optimizers["x"].clip.clip_value == 0.25  # type: ignore[attr-defined]


def test_a_limit_below_0_is_told() -> None:
    with pytest.raises(ArenaError, match=r"discriminator\.clip_norm is -1"):
        configure("ring", {"discriminator.clip_norm": -1.0}).build()
