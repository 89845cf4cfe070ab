"""What players draw from torch's global generator is the run's own: the same in every run of a seed, and nothing of the caller's."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

import arena
from arena import Population, configure
from arena.errors import ArenaError, CheckpointUnusable
from arena.games import SwissRoll
from arena.trace import read_trace
from tests.conftest import QUIET
from tests.support.cases import one_of_each


class Draws(nn.Module):
    """A discriminator with functional dropout, which no module shows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 8), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(dropout(torch.tanh(self.first(x)), 0.5, self.training))


class Layers(nn.Sequential):
    """A discriminator with a layer of dropout."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1))


SETTINGS: dict[str, Any] = {
    "batch": 8,
    "turns": 12,
    "trace.every": 1,
    "score.every": 4,
    "checkpoint.every": 4,
    "generator.hidden": (8,),
    **QUIET,
}


def play(folder: Path, player: type[nn.Module], global_seed: int, **settings: Any) -> list[dict[str, Any]]:
    torch.manual_seed(global_seed)
    torch.rand(global_seed)
    before = torch.get_rng_state()
    arena.play(SwissRoll, out=folder, display=False, **{**SETTINGS, "discriminator": player, **settings})
    assert torch.equal(before, torch.get_rng_state()), "the caller's generator has moved"
    return read_trace(folder)


@pytest.mark.parametrize(
    ("player", "rule"), one_of_each([Layers, Draws], ["simultaneous", "optimistic", "lookahead", "consensus"], pytest.mark.thorough)
)
def test_runs_of_one_seed_write_one_trace(player: type[nn.Module], rule: str, tmp_path: Path) -> None:
    one, other = (play(tmp_path / str(seed), player, seed, rule=rule) for seed in (1, 2))
    assert one == other


@pytest.mark.parametrize("player", [Layers, Draws])
def test_evaluations_of_a_turn_share_their_draws(player: type[nn.Module]) -> None:
    playing = configure(SwissRoll, {"discriminator": player, "batch": 8, "generator.hidden": (8,)}).build()
    playing.reset(seed=0)
    seen = []
    for _ in range(3):
        playing.play_scheduled_turn()
        first, again = (playing.field.gradients() for _ in range(2))
        assert all(torch.equal(first[name], again[name]) for name in first)
        seen.append(playing.field.stochastic)
    assert seen == [True] * 3


def test_a_game_without_draws_is_not_seeded() -> None:
    playing = configure("bilinear").build()
    playing.reset(seed=0)
    playing.play_scheduled_turn()
    assert not playing.field.stochastic and not playing.field.draws


@pytest.mark.parametrize("player", [Layers, Draws])
def test_a_resumed_run_draws_the_same(player: type[nn.Module], tmp_path: Path) -> None:
    config = configure(SwissRoll, {**SETTINGS, "discriminator": player})
    whole, cut = config.build(), config.build()
    whole.reset(seed=0)
    for turn in range(9):
        if turn == 5:
            state = copy.deepcopy(whole.state_dict())
        whole.play_scheduled_turn()
    cut.reset(seed=0)
    cut.load_state_dict(state)
    torch.rand(7)
    for _ in range(4):
        cut.play_scheduled_turn()
    assert all(torch.equal(a, b) for a, b in zip(whole.game.parameters(), cut.game.parameters(), strict=True))
    assert whole.measure_score() == cut.measure_score()


def test_a_population_refuses_draws_that_it_cannot_share() -> None:
    """Or plays them from the run's own stream."""
    base = configure(SwissRoll, {"discriminator": Draws, "batch": 8, "generator.hidden": (8,)})
    with pytest.raises(ArenaError, match="random"):
        population = Population([base, base.vary({"seed": 1})])
        population.reset()
        population.play_scheduled_turn()


def test_a_changed_configuration_is_not_played_silently(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arena.play("bilinear", out=folder, display=False, **{**QUIET, "turns": 20, "checkpoint.every": 5})
    trace = folder / "trace.jsonl"
    trace.write_text("".join(trace.read_text().splitlines(keepends=True)[:-1]))  # as if it had been killed
    config = folder / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("name: simultaneous", "name: alternating", 1))
    with pytest.raises(CheckpointUnusable, match=r"changed since turn-00000020.pt was saved: \S+ was simultaneous and is alternating"):
        arena.resume(folder, display=False)
    config.write_text(text)
    assert arena.resume(folder, display=False).status == "finished"
