"""Runs that begin with weights: of a file, or of another run with its memory; what fits, what does not, and what is refused."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

import arena
from arena.config import configure
from arena.engine.vector_env import Population
from arena.errors import ArenaError, ArenaWarning, CheckpointUnusable
from tests.conftest import QUIET, Cli

SMALL: dict[str, Any] = {**QUIET, "batch": 8, "generator.hidden": (8,), "discriminator.hidden": (8,), "until_solved": False}
SHORT = {**SMALL, "turns": 3}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 turns with checkpoints of turn 10 and 20."""
    settings = {**SMALL, "turns": 20, "rule": "optimistic", "checkpoint.every": 10}
    return arena.play("ring", out=tmp_path_factory.mktemp("trained") / "run", display=False, **settings).folder


@pytest.fixture(scope="module")
def weights(trained: Path) -> dict[str, torch.Tensor]:
    return dict(arena.load_player(trained, "generator").state_dict())


def state(folder: Path, turn: int) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(folder / f"checkpoints/turn-{turn:08d}.pt", weights_only=True)["arena"]
    return found


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def generator_at_start(**settings: Any) -> dict[str, torch.Tensor]:
    return dict(configure("ring", {**SMALL, **settings}).build().game.players["generator"].state_dict())


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ""])
def test_a_player_begins_with_the_weights_of_a_file_or_a_run(suffix: str, trained: Path, weights: Any, tmp_path: Path) -> None:
    source = trained if not suffix else tmp_path / f"g{suffix}"
    if suffix == ".pt":
        torch.save({"state_dict": weights}, source)
    elif suffix:
        from safetensors.torch import save_file

        save_file(weights, source)
    assert same(generator_at_start(**{"generator.weights": str(source)}), weights)


def test_a_turn_of_a_run_is_named_after_its_folder(trained: Path) -> None:
    ten = {n.removeprefix("players.generator."): t for n, t in state(trained, 10)["game"].items() if n.startswith("players.generator.")}
    assert same(generator_at_start(**{"generator.weights": f"{trained}@10"}), ten)
    with pytest.raises(ArenaError, match=r"has no checkpoint of turn 7. Expected last, best, or one of the turns"):
        generator_at_start(**{"generator.weights": f"{trained}@7"})


def test_what_does_not_fit_is_named(weights: Any, tmp_path: Path) -> None:
    file = tmp_path / "g.pt"
    torch.save({**weights, "layers.9.weight": torch.ones(2)}, file)
    with pytest.warns(ArenaWarning) as said:
        generator_at_start(**{"generator.weights": str(file), "generator.hidden": (8, 4)})
    (text,) = {str(warning.message) for warning in said}
    assert text == (
        f"generator.weights: 2 of 6 tensors are from {file}; not in it: layers.2.weight, layers.2.bias; not in the generator: "
        "layers.9.weight; of another shape: layers.1.weight (2×8, not 4×8), layers.1.bias (2, not 4)"
    )


class Evil:
    """Would write a file if it were unpickled."""

    def __init__(self, file: Path):
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


def test_a_file_is_read_without_executing_it(tmp_path: Path) -> None:
    file, trap = tmp_path / "g.pt", tmp_path / "executed"
    for write in (lambda: torch.save({"w": Evil(trap)}, file), lambda: file.write_bytes(pickle.dumps(Evil(trap)))):
        write()
        with pytest.raises(ArenaError, match="is no state dict that can be read without executing code"):
            generator_at_start(**{"generator.weights": str(file)})
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": torch.ones(3)}, r"nothing in .* fits the generator: it has a \(3\). Expected layers.0.weight \(8×2\), layers.0.bias \(8\)"),
        ([1, 2], "holds no tensors by name"),
        ({1: torch.ones(3)}, "holds no tensors by name"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    file = tmp_path / "g.pt"
    if content is None:
        file = Path("/dev/zero")
    else:
        torch.save(content, file)
    with pytest.raises(ArenaError, match=message):
        arena.play("ring", out=tmp_path / "run", display=False, **{**SHORT, "generator.weights": str(file)})
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_needs_no_weights(weights: Any, tmp_path: Path) -> None:
    """The file is not read again. Without any checkpoint, the run does not begin without them."""
    file = tmp_path / "g.pt"
    torch.save(weights, file)
    settings = {**SHORT, "generator.weights": str(file)}
    once = arena.play("ring", out=tmp_path / "once", display=False, **{**settings, "turns": 6, "*.schedule": "constant"}).folder
    run = arena.play("ring", out=tmp_path / "run", display=False, **{**settings, "*.schedule": "constant"}).folder
    file.unlink()
    arena.resume(run, turns=6, display=False)
    assert same(state(run, 6)["game"], state(once, 6)["game"])
    assert isinstance(arena.load_player(run, "generator"), nn.Module)
    for checkpoint in (run / "checkpoints").glob("*.pt"):
        checkpoint.write_bytes(b"damaged")
    trace = run / "trace.jsonl"
    trace.write_text("".join(trace.read_text().splitlines(keepends=True)[:-1]))  # as if it had been killed
    with pytest.raises(CheckpointUnusable, match="has no whole checkpoint left, and began from"):
        arena.resume(run, display=False)


def test_members_of_a_population_begin_with_them_too(trained: Path) -> None:
    base = configure("ring", {**SMALL, "generator.weights": str(trained), "turns": 4})
    population = Population([base, base.vary({"generator.lr": 1e-4})])
    population.reset()
    single = base.build().game.state_dict()
    for name, tensor in population.episode.game.named_parameters():
        assert torch.equal(tensor[0], single[name])
        assert torch.equal(tensor[1], single[name])


def test_a_run_goes_on_from_another_with_other_settings(trained: Path, tmp_path: Path, quick_cli: Cli) -> None:
    """Players, optimizers and memory at turn 0 are those of the other run's end; its settings hold where none is given."""
    done = quick_cli("play", "ring", "--from", str(trained), "--generator.lr", "1e-5", "--turns", "5", "--out", "on")
    assert done.returncode == 0, done.stderr
    assert (
        f"carried over from {trained} in turn 20: the generator, the discriminator, the generator's optimizer, "
        "the discriminator's optimizer, the rule's memory; begins anew: turns, schedules, scheduler, data and scores"
    ) in done.stdout
    before, after = state(trained, 20), state(tmp_path / "on", 0)
    assert same(after["game"], before["game"])
    assert after["turns_played"] == 0
    assert str(after["rule"]) == str(before["rule"])
    for role in ("generator", "discriminator"):
        assert str(after["optimizers"][role]["state"]) == str(before["optimizers"][role]["state"])
    settings = yaml.safe_load((tmp_path / "on/config.yaml").read_text())
    assert (settings["turns"], settings["batch"], settings["rule"]["name"], settings["generator"]["lr"]) == (5, 8, "optimistic", 1e-5)
    assert settings["begin_from"] == settings["generator"]["weights"] == f"{trained}@20"


def test_another_rule_optimizer_or_player_begins_with_what_fits(trained: Path, tmp_path: Path, quick_cli: Cli) -> None:
    moved = Path(shutil.copytree(trained, tmp_path / "moved"))
    words = ["--rule", "consensus", "--generator.optimizer", "sgd", "--turns", "2", "--out", "on"]
    done = quick_cli("play", "--from", f"{moved}@10", *words)  # the game is that of the run
    assert done.returncode == 0, done.stderr
    said = f"carried over from {moved} in turn 10: the generator, the discriminator, the discriminator's optimizer; begins anew: "
    assert f"{said}the generator's optimizer, the rule's memory, turns" in done.stdout
    shutil.rmtree(moved)
    assert quick_cli("resume", "on", "--turns", "3").returncode == 0


def test_another_game_keeps_its_own_settings(trained: Path, quick_cli: Cli) -> None:
    words = ["--turns", "2", "--batch", "8", "--generator.hidden", "8", "--discriminator.hidden", "8", "--picture.every", "0"]
    done = quick_cli("play", "swiss-roll", "--from", str(trained), *words, "--out", "on")
    assert done.returncode == 0, done.stderr
    assert "the generator, the discriminator, the generator's optimizer" in done.stdout
    assert "swiss-roll: 2 turns, simultaneous rule" in done.stdout


def test_a_population_plays_runs_with_a_memory_one_by_one(trained: Path) -> None:
    base = configure("ring", {**SHORT, "begin_from": str(trained)})
    with pytest.raises(ArenaError, match="such games are played one by one"):
        Population([base, base.vary({"seed": 1})])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "nowhere does not exist. Expected a folder"),
        (".", ". is not a run folder (it has no config.yaml)"),
    ],
)
def test_what_is_no_run_is_refused(source: str, message: str, quick_cli: Cli) -> None:
    done = quick_cli("play", "ring", "--from", source)
    assert done.returncode == 2
    assert message in done.stderr
