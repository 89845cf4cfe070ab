"""What a user holds after a run: players in evaluation mode, and a score that names the players it judged."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import arena
from arena import Arena
from arena.config import configure
from arena.games import Ring
from arena.players.base import mixes_examples
from arena.runs.result import Result
from arena.trace import read_trace
from tests.conftest import Cli

SETTINGS: dict[str, Any] = {
    "turns": 4,
    "batch": 8,
    "trace.every": 2,
    "trace.tensorboard": False,
    "score.every": 2,
    "metrics.every": 0,
    "picture.every": 0,
    "discriminator.hidden": [4],
}


def normed() -> nn.Module:
    torch.manual_seed(0)
    frozen = nn.BatchNorm1d(8).eval()
    return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), frozen, nn.Linear(8, 2))


def played(folder: Path, **settings: Any) -> Result:
    return arena.play("ring", out=folder, display=False, **{**SETTINGS, **settings})


def flags(module: nn.Module) -> list[bool]:
    return [part.training for part in module.modules()]


def test_players_end_in_evaluation_mode(tmp_path: Path) -> None:
    result = played(tmp_path / "run", generator=normed())
    assert result.arena is not None
    generator, z = result.arena.game.players["generator"], torch.randn(6, 2)
    assert not any(flags(result.arena.game))
    torch.testing.assert_close(generator(z)[:2], generator(z[:2]))  # of one example, whatever else is in the batch


def test_a_module_trains_again_after_a_run(tmp_path: Path) -> None:
    """Its parts have the flags that they were given with, also those that were frozen."""
    module = normed()
    given = flags(module)
    played(tmp_path / "first", generator=module)
    assert not any(flags(module))
    first = (tmp_path / "first" / "trace.jsonl").read_bytes()
    module.load_state_dict(normed().state_dict())
    game = Ring(generator=module, discriminator=nn.Linear(2, 1))
    assert mixes_examples(module, (2,))
    Arena(game)
    assert flags(module) == given
    played(tmp_path / "again", generator=module)
    assert (tmp_path / "again" / "trace.jsonl").read_bytes() == first


@pytest.mark.parametrize("player", [nn.BatchNorm1d(2), nn.Dropout()])
def test_whether_examples_mix_is_measured_in_training_mode(player: nn.Module) -> None:
    player.eval()
    assert mixes_examples(player, (2,))
    assert not player.training


def test_turns_after_a_run_train() -> None:
    settings = {**SETTINGS, "generator": normed(), "turns": 6}
    whole = configure("ring", settings).build()
    whole.reset(seed=0)
    for _ in range(3):
        whole.play_scheduled_turn()
    rested = {name: t.clone() for name, t in whole.game.state_dict().items()}
    whole.play_scheduled_turn()
    wanted = {name: t.clone() for name, t in whole.game.state_dict().items()}
    other = configure("ring", settings | {"generator": normed()}).build()
    other.reset(seed=0)
    for _ in range(3):
        other.play_scheduled_turn()
    other.rest()
    assert all(torch.equal(t, rested[name]) for name, t in other.game.state_dict().items())
    other.play_scheduled_turn()
    assert all(torch.equal(t, wanted[name]) for name, t in other.game.state_dict().items())


@pytest.mark.parametrize(
    ("rule", "judged"),
    [
        ("simultaneous", "raw"),
        ("averaging", "averaged"),
        ("lookahead(inner=averaging(role=generator))", "averaged generator"),
        ("averaging(start=9)", "raw"),
    ],
)
def test_a_score_names_the_players_that_it_judged(tmp_path: Path, rule: str, judged: str) -> None:
    result = played(tmp_path / "run", rule=rule)
    assert result.judged == judged
    rows = [row for row in read_trace(tmp_path / "run") if "score" in row]
    assert [row.get("judged", "raw") for row in rows if row["turn"]] == [judged] * 3  # of two turns and of the end
    assert arena.resume(tmp_path / "run", display=False).judged == judged


def test_the_terminal_names_the_players_that_were_judged(quick_cli: Cli) -> None:
    words = [f"--{name}={value}" for name, value in SETTINGS.items() if name != "discriminator.hidden"]
    for rule, suffix in (("averaging(role=generator)", " (averaged generator)"), ("simultaneous", "")):
        done = quick_cli("play", "ring", f"--rule={rule}", f"--out={rule[:3]}", *words)
        lines = [line for line in done.stdout.splitlines() if "score " in line and "turn 0 " not in line and "verdict" not in line]
        assert all(("(averaged generator)" in line) == bool(suffix) for line in lines), done.stdout
        assert f"{suffix}, real data" in lines[-1]
