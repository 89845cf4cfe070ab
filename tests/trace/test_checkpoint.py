"""Checkpoints: whole or not at all, checksummed, loadable by anyone, and refused with a sentence where they do not fit."""

import hashlib
from pathlib import Path

import pytest
import torch
import yaml

import arena
from arena.errors import ArenaError, CheckpointUnusable
from arena.trace.checkpoint import Checkpoints
from tests.conftest import QUIET


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 40 turns with checkpoints every 10, whose end was lost, so that it can be resumed."""
    settings = {"turns": 40, "batch": 8, "checkpoint.every": 10, "score.every": 20, **QUIET}
    folder = arena.play("swiss-roll", out=tmp_path / "run", display=False, **settings).folder
    for name in ("turn-00000040.pt", "turn-00000040.pt.sha256"):
        (folder / "checkpoints" / name).unlink()
    rows = (folder / "trace.jsonl").read_text().splitlines(keepends=True)
    (folder / "trace.jsonl").write_text("".join(rows[:-1]))
    return folder


def test_the_last_few_and_the_best_are_kept(run: Path) -> None:
    names = sorted(p.name for p in (run / "checkpoints").glob("*.pt"))
    assert names[1:] == ["turn-00000020.pt", "turn-00000030.pt"]
    assert names[0].startswith("best-")
    assert not list((run / "checkpoints").glob("*.part"))


@pytest.mark.thorough
def test_the_best_by_a_score_that_peeks_is_called_an_oracles(tmp_path: Path) -> None:
    """The score of adaptation looks at target labels; what is chosen by it is no result, and one by entropy is."""
    for metric, kind in (("", "oracle"), ("entropy", "best")):
        settings = {"turns": 6, "batch": 8, "score.every": 2, **QUIET} | ({"metric": metric} if metric else {})
        folder = arena.play("dann", out=tmp_path / f"by-{metric}", display=False, **settings).folder
        assert {p.name.partition("-")[0] for p in (folder / "checkpoints").glob("*.pt")} == {"turn", kind}


def test_anyone_can_load_them_with_weights_only_and_check_their_sums(run: Path) -> None:
    for path in (run / "checkpoints").glob("*.pt"):
        state = torch.load(path, weights_only=True)
        assert state["game"] == "swiss-roll"
        assert state["arena"]["game"]["players.generator.layers.0.weight"].shape == (128, 2)
        sha, name = path.with_name(path.name + ".sha256").read_text().split()
        assert (hashlib.sha256(path.read_bytes()).hexdigest(), path.name) == (sha, name)


def resign(path: Path, state: object) -> None:
    """Save a state as a checkpoint with a right checksum."""
    torch.save(state, path)
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".sha256").write_text(f"{sha}  {path.name}\n")


def test_another_version_is_refused(run: Path) -> None:
    path = run / "checkpoints" / "turn-00000030.pt"
    resign(path, {**torch.load(path, weights_only=True), "format": 99})
    with pytest.raises(CheckpointUnusable, match="has the format 99, but this version of arena reads 2; use the version that wrote it"):
        arena.resume(run, display=False)


def test_another_game_is_refused(run: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump({**config, "game": "pinwheel"}))
    with pytest.raises(CheckpointUnusable, match="is of the game 'swiss-roll', but the run plays 'pinwheel'; restore the config"):
        arena.resume(run, display=False)


def test_other_players_are_refused(run: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["generator"]["hidden"] = [16]
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(
        CheckpointUnusable,
        match=r"config.yaml has changed since turn-00000030.pt was saved: generator.hidden was \[128, 128\] and is \[16\]",
    ):
        arena.resume(run, display=False)


def test_code_in_a_checkpoint_is_never_run(run: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> object:
            return Path.touch, (tmp_path / "evil",)

    resign(run / "checkpoints" / "turn-00000030.pt", {"format": 1, "arena": Evil()})
    assert arena.resume(run, display=False).status == "finished"
    assert (run / "checkpoints" / "turn-00000030.pt.damaged").exists()
    assert not (tmp_path / "evil").exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArenaError, match=r"is not a run folder \(it has no config.yaml\)"):
        arena.resume(tmp_path)


def test_a_kill_between_checksum_and_checkpoint_leaves_the_old_ones_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save({"turn": 1})
    import os

    real, calls = os.replace, []

    def dies_on_the_second(source: object, target: object) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", dies_on_the_second)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save({"turn": 2})
    assert [p.name for p in checkpoints.paths()] == ["turn-00000001.pt"]
    assert checkpoints.load(checkpoints.paths()[-1])["turn"] == 1
