"""Averages of players with running statistics: these are copied from the live player, or averaged with its parameters."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from arena import Arena, Game, Rng
from arena.config import configure
from arena.engine.vector_env import Population
from arena.players import Vector
from arena.rules import Averaging, LookaheadMinimax, UpdateRule

BOTH = (1.0, 1.0, 1.0)
MEAN, VAR = "players.scale.1.running_mean", "players.scale.1.running_var"


class Drifting(Game):
    """A player x ↦ norm(w x) whose w grows steadily: L₁ = −w, so that the statistics drift with it."""

    def __init__(self) -> None:
        super().__init__(scale=nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1, affine=False, momentum=1.0)), other=Vector(1))

    def sample(self, rng: Rng) -> Tensor:
        return torch.linspace(-1, 3, 64).unsqueeze(1) + 0 * torch.rand(1, generator=rng)

    def losses(self, batch: Tensor, coupling: Any, movers: Any) -> dict[str, Tensor]:
        normed = self.players["scale"](batch).sum()  # updates the statistics
        return {"scale": 0 * normed - self.players["scale"][0].weight.sum(), "other": self.players["other"]().sum()}

    def score(self) -> Tensor:
        """Return the mean output in evaluation mode for inputs of mean 1: 0 if the running mean is that of w."""
        player = self.players["scale"]
        player.eval()
        with torch.no_grad():
            return player(torch.tensor([[0.0], [2.0]], dtype=torch.float64)).mean().abs()


def arena_of(rule: UpdateRule, rate: float = 0.1) -> Arena:
    make = {role: lambda p: torch.optim.SGD(p, lr=rate) for role in ("scale", "other")}
    return Arena(Drifting, rule=rule, optimizers=make, turns=20, dtype=torch.float64)


def buffers(arena: Arena) -> dict[str, Tensor]:
    return {name: arena.game.get_buffer(name).clone() for name in (MEAN, VAR)}


@pytest.mark.parametrize(("average", "start"), [("exponential", 0), ("exponential", 3), ("uniform", 0), ("uniform", 2)])
def test_statistics_are_averaged_like_parameters(average: Any, start: int) -> None:
    arena = arena_of(Averaging(average=average, decay=0.75, start=start, buffers="averaged"))
    mean = buffers(arena) if average == "exponential" else None
    for turn in range(1, 8):
        before = buffers(arena)
        arena.play_turn(BOTH)
        if average == "exponential" and turn == start + 1:
            mean = before
        weight = 0.25 if average == "exponential" else 1 / max(turn - start, 1)
        if turn > start:
            here = buffers(arena)
            mean = {n: here[n] if mean is None else mean[n] + weight * (here[n] - mean[n]) for n in here}
    assert mean is not None
    with arena.evaluated_parameters():
        torch.testing.assert_close(buffers(arena), mean, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(buffers(arena)[MEAN], mean[MEAN])


def test_statistics_are_copied_by_default() -> None:
    arena = arena_of(Averaging(decay=0.9))
    for _ in range(5):
        arena.play_turn(BOTH)
    live = buffers(arena)
    with arena.evaluated_parameters():
        assert buffers(arena) == live


def test_an_evaluated_average_is_normalised_by_its_own_statistics() -> None:
    """w drifts by 0.5 a turn: the statistics of the last live w are off by a tenth for the average, those averaged less."""
    gaps = {}
    for how in ("copied", "averaged"):
        arena = arena_of(Averaging(decay=0.8, buffers=how), rate=0.5)  # type: ignore[arg-type]
        for _ in range(20):
            arena.play_turn(BOTH)
        gaps[how] = arena.measure_score()
    assert gaps["copied"] > 0.1
    assert gaps["averaged"] < gaps["copied"] / 2  # not 0, because a turn's statistics are those before its move


def test_stepping_back_takes_the_statistics_along() -> None:
    arena = arena_of(LookaheadMinimax(k=3, a=0.25, buffers="averaged"))
    slow = buffers(arena)
    fast = arena_of(LookaheadMinimax(k=3, a=0.25))
    for turn in range(1, 4):
        before = buffers(arena)
        arena.play_turn(BOTH)
        fast.play_turn(BOTH)
        if turn < 3:
            assert buffers(arena) == buffers(fast)
    expected = {name: slow[name] + 0.25 * (last - slow[name]) for name, last in buffers(fast).items()}
    torch.testing.assert_close(buffers(arena), expected, rtol=1e-12, atol=1e-12)
    assert before != buffers(arena)


@pytest.mark.parametrize("rule", ["averaging(decay=0.75,buffers=averaged)", "lookahead(k=2,buffers=averaged)"])
def test_members_have_the_statistics_of_their_single_runs(rule: str) -> None:
    settings = {"rule": rule, "dtype": "float64", "turns": 6, "scale.lr": 0.1, "scheduler": "two-timescale"}
    base = configure(Drifting, settings)
    configs = [base.vary({"seed": seed, "scale.lr": 0.1 * (seed + 1)}) for seed in range(2)]
    population = Population(configs, check_equivalence=False)
    singles = [config.build() for config in configs]
    for single, config in zip(singles, configs, strict=True):
        single.reset(seed=config.run.seed)
    population.reset()
    for _ in range(5):
        population.play_scheduled_turn()
        for single in singles:
            single.play_scheduled_turn()
    with population.field.placed(population.rule.evaluated_parameters()):
        for member, single in enumerate(singles):
            with single.evaluated_parameters():
                for name in (MEAN, VAR):
                    torch.testing.assert_close(population.game.get_buffer(name)[member], single.game.get_buffer(name))


def test_looking_at_an_average_leaves_its_statistics_alone() -> None:
    arena = arena_of(Averaging(decay=0.75, buffers="averaged"))
    for _ in range(4):
        arena.play_turn(BOTH)
    before = arena.rule.state_dict()
    with arena.evaluated_parameters():
        arena.game.players["scale"](torch.full((8, 1), 9.0, dtype=torch.float64) * torch.arange(8.0).unsqueeze(1))
    after = arena.rule.state_dict()
    assert all(torch.equal(t, after["memory"]["average"][name]) for name, t in before["memory"]["average"].items())


def test_a_saved_average_keeps_its_statistics() -> None:
    arena, other = (arena_of(Averaging(decay=0.75, buffers="averaged")) for _ in range(2))
    for _ in range(4):
        arena.play_turn(BOTH)
    other.load_state_dict(arena.state_dict())
    for played in (arena, other):
        played.play_turn(BOTH)
    with arena.evaluated_parameters(), other.evaluated_parameters():
        assert buffers(arena) == buffers(other)
