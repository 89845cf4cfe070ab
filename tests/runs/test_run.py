"""Runs: stopped, killed, resumed, diverged, out of disk; and always the same run."""

import functools
import json
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import arena
from arena.errors import FolderInTheWay
from arena.games import SwissRoll
from arena.trace import FIELDS, read_trace
from tests.conftest import QUIET, Cli
from tests.support import commands

SETTINGS: dict[str, Any] = {
    "turns": 600,
    "batch": 16,
    "rule": "extragradient",
    "trace.every": 7,
    "score.every": 50,
    "checkpoint.every": 40,
    "picture.every": 0,
    "trace.tensorboard": False,
}


def command(folder: Path, **settings: Any) -> list[str]:
    options = [f"--{name}={json.dumps(value) if not isinstance(value, str) else value}" for name, value in settings.items()]
    return ["play", "swiss-roll", "--out", str(folder), *options]


def last_state(folder: Path) -> dict[str, Any]:
    return torch.load(sorted((folder / "checkpoints").glob("turn-*.pt"))[-1], weights_only=True)


def assert_same(first: Any, second: Any, path: str = "") -> None:
    """Nested states are equal bit for bit."""
    assert type(first) is type(second), path
    if isinstance(first, torch.Tensor):
        assert first.dtype == second.dtype, path
        assert torch.equal(first, second), path
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), path
        for key in first:
            assert_same(first[key], second[key], f"{path}.{key}")
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second), path
        for i, (a, b) in enumerate(zip(first, second, strict=True)):
            assert_same(a, b, f"{path}[{i}]")
    else:
        assert first == second, path


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happens to."""
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    arena.play("swiss-roll", out=folder, display=False, **SETTINGS)
    return folder


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_bit_for_bit_the_same(unbroken: Path, tmp_path: Path, seed: int) -> None:
    """A real process gets SIGKILL, again and again, at moments that differ with the seed; then it is left to finish."""
    chance, folder, kills = random.Random(seed), tmp_path / "run", 0
    words = command(folder, **SETTINGS)
    while kills < 3:
        process = commands.arena(*words, folder=tmp_path)
        goal = (folder / "trace.jsonl").stat().st_size if (folder / "trace.jsonl").exists() else 0
        goal += chance.randrange(200, 12_000)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if (folder / "trace.jsonl").exists() and (folder / "trace.jsonl").stat().st_size >= goal:
                break
            time.sleep(chance.random() / 1000)
        if process.poll() is not None:
            break  # it finished first
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        kills += 1
        words = ["resume", str(folder)]
    assert kills > 0
    done = commands.arena(*words, folder=tmp_path).finish()
    assert done.returncode == 0, done.stderr
    assert (folder / "trace.jsonl").read_bytes() == (unbroken / "trace.jsonl").read_bytes()
    ours, theirs = last_state(folder), last_state(unbroken)
    assert ours["turn"] == 600
    assert_same(ours, theirs)


def test_ctrl_c_saves_tells_how_to_resume_and_exits_130(unbroken: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = commands.arena(*command(folder, **SETTINGS), folder=tmp_path)
    while not (folder / "trace.jsonl").exists() or (folder / "trace.jsonl").stat().st_size < 5000:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, output + errors
    assert f"arena resume {folder}" in output
    assert "Traceback" not in errors
    turn = last_state(folder)["turn"]
    assert 0 < turn < 600
    assert arena.resume(folder, display=False).status == "finished"
    assert (folder / "trace.jsonl").read_bytes() == (unbroken / "trace.jsonl").read_bytes()
    assert_same(last_state(folder), last_state(unbroken))


@pytest.mark.thorough
def test_a_config_repeats_the_run_exactly(unbroken: Path, tmp_path: Path, quick_cli: Cli) -> None:
    done = quick_cli("play", "--config", str(unbroken / "config.yaml"), "--out", "again")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again" / "trace.jsonl").read_bytes() == (unbroken / "trace.jsonl").read_bytes()
    assert (tmp_path / "again" / "config.yaml").read_bytes() == (unbroken / "config.yaml").read_bytes()


def test_a_run_that_is_over_is_not_played_again(unbroken: Path, quick_cli: Cli) -> None:
    assert quick_cli("resume", str(unbroken)).returncode == 0  # which writes the report that Python did not
    before = {p: p.stat().st_mtime_ns for p in unbroken.rglob("*")}
    done = quick_cli("resume", str(unbroken))
    assert done.returncode == 0
    assert "this run is over; there is nothing to resume" in done.stdout
    assert {p: p.stat().st_mtime_ns for p in unbroken.rglob("*")} == before


def test_the_trace_keeps_its_schema(unbroken: Path) -> None:
    rows = read_trace(unbroken)
    roles = ("generator", "discriminator")
    known = {name for name in FIELDS if "key." not in name and "role." not in name and "NAME" not in name}
    known |= {f"{r}.{name.split('.')[1]}" for r in roles for name in FIELDS if name.startswith(("key.", "role."))}
    families = tuple(name.removesuffix("NAME") for name in FIELDS if name.endswith(".NAME"))
    for row in rows:
        assert {name for name in row if not name.startswith(families)} <= known
    assert [row["turn"] for row in rows] == sorted(row["turn"] for row in rows)
    assert rows[0]["turn"] == 0
    assert rows[0]["ceiling"] > 0
    end = {name: value for name, value in rows[-1].items() if not name.startswith(families)}
    numbers = {k: rows[-1][k] for k in ("score", "best", "ceiling", "best_turn")}
    assert end == {"kind": "end", "turn": 600, "status": "finished", "score_turn": 600, "metrics_turn": 600, **numbers}
    row = next(r for r in rows if r["turn"] == 350 and r["kind"] == "turn")
    assert (row["generator.moves"], row["discriminator.moves"]) == (350, 350)
    assert row["gradient_evaluations"] == 1400  # extragradient asks both players twice a turn
    assert 0 < row["game.D(x)"] < 1
    assert row["generator.learning_rate"] == pytest.approx(1e-3 * 251 / 600)  # turn 350 begins at progress 349/600
    assert -1 <= row["generator.update_cosine"] <= 1


def test_a_trace_is_readable_while_it_is_written(unbroken: Path, tmp_path: Path) -> None:
    data = (unbroken / "trace.jsonl").read_bytes()
    (tmp_path / "trace.jsonl").write_bytes(data[: len(data) // 2])
    rows = read_trace(tmp_path / "trace.jsonl")
    assert 10 < len(rows) < len(read_trace(unbroken))


def test_an_existing_folder_is_never_overwritten(unbroken: Path, quick_cli: Cli) -> None:
    before = (unbroken / "trace.jsonl").read_bytes()
    done = quick_cli("play", "swiss-roll", "--out", str(unbroken))
    assert done.returncode == 2
    assert f"{unbroken} exists already, and a run never overwrites; go on with it by `arena resume {unbroken}`" in done.stderr
    assert (unbroken / "trace.jsonl").read_bytes() == before
    with pytest.raises(FolderInTheWay):
        arena.play("bilinear", out=unbroken)


def test_divergence_ends_the_run_and_keeps_the_last_finite_checkpoint(tmp_path: Path, cli: Cli) -> None:
    done = cli(*command(tmp_path / "run", **SETTINGS, **{"generator.optimizer": "sgd", "generator.lr": 1e30}))
    assert done.returncode == 1
    assert "diverged: the generator's output was not finite in turn" in done.stdout
    assert "Traceback" not in done.stderr
    rows = read_trace(tmp_path / "run")
    assert rows[-1]["status"] == "diverged"
    assert rows[-1]["reason"].startswith("the generator's output was not finite in turn")
    for value in last_state(tmp_path / "run")["arena"]["game"].values():
        assert bool(value.isfinite().all())


def test_a_player_that_returns_nan_is_named_with_its_turn(tmp_path: Path) -> None:
    class Breaks(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = super().forward(x)
            self.seen = getattr(self, "seen", 0) + (len(x) == 8)
            return out * float("nan") if self.broken_from <= self.seen else out

        broken_from = 1

    player = Breaks(2, 1)
    settings = {"turns": 30, "scheduler": "simultaneous", "score.every": 0, **QUIET}
    result = arena.play(SwissRoll(discriminator=player, batch=8), out=tmp_path / "run", display=False, **settings)
    assert result.status == "diverged"
    assert result.reason == "the discriminator's output was not finite in turn 1"


def test_the_device_and_the_versionless_config_are_written(unbroken: Path) -> None:
    config = yaml.safe_load((unbroken / "config.yaml").read_text())
    assert config["game"] == "swiss-roll"
    assert config["device"] in ("cpu", "cuda")
    assert config["rule"] == {"name": "extragradient", "gamma": 1.0, "batch": "same", "moments": "kept"}


def small_files_only(size: int = 300_000) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_ends_in_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    """Files may not grow beyond 300 kB: the first checkpoint of these players (400 kB) cannot be written."""
    folder = tmp_path / "run"
    done = commands.arena(*command(folder, **SETTINGS), folder=tmp_path, prepare=small_files_only).finish()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "could not be written (File too large). Fix that, then" in done.stderr
    assert not list(folder.rglob("*.part"))


@pytest.mark.thorough
def test_a_disk_that_fills_up_later_keeps_what_was_saved(unbroken: Path, tmp_path: Path) -> None:
    """The trace may not grow beyond 150 kB; the run's checkpoints of small players may. It goes on when there is room again."""
    folder = tmp_path / "run"
    small = {**SETTINGS, "generator.hidden": [4], "discriminator.hidden": [4], "trace.every": 1, "turns": 300}
    prepare = functools.partial(small_files_only, 150_000)
    done = commands.arena(*command(folder, **small), folder=tmp_path, prepare=prepare).finish()
    assert done.returncode == 1
    assert f"(File too large). Fix that, then: arena resume {folder}" in done.stderr
    assert arena.resume(folder, display=False).status == "finished"
    arena.play("swiss-roll", out=tmp_path / "whole", display=False, **small)
    assert (folder / "trace.jsonl").read_bytes() == (tmp_path / "whole" / "trace.jsonl").read_bytes()


@pytest.mark.skipif(not Path("/proc/1").is_dir(), reason="needs a file system that nobody can write to")
def test_a_place_that_cannot_be_written_to(cli: Cli) -> None:
    done = cli("play", "bilinear", "--out", "/proc/run")
    assert done.returncode == 2
    assert done.stderr.startswith("arena: the run folder /proc/run could not be made")


@pytest.mark.rendered
def test_runs_are_numbered_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [arena.play("bilinear", turns=3, display=False, **QUIET).folder for _ in range(2)]
    assert folders == [Path("runs/bilinear-1"), Path("runs/bilinear-2")]
    assert (folders[0] / "picture.png").stat().st_size > 1000
