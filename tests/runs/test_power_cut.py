"""Power cuts: the writes of a real run are recorded, and it is resumed from what a cut after any of them leaves."""

import functools
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import arena
from arena.cli import main
from arena.trace import damaged
from arena.trace.jsonl import repair
from arena.trace.writing import write_whole
from benchmarks.faults import Unbroken
from benchmarks.faults.file_system import LEFT
from benchmarks.faults.power import cut
from benchmarks.faults.system_calls import Replay, options, strace
from tests.support import commands

traced = pytest.mark.skipif(strace() is None, reason="needs strace, and the right to trace processes")
RUN = ("play", "bilinear", "--turns", "40", "--trace.every", "5", "--checkpoint.every", "10", "--trace.tensorboard", "false")


def wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.002)


def is_traced(pid: int) -> bool:
    return "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text()


@pytest.fixture(scope="module")
def writes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Replay, Path]:
    """The writes of a run in a process of its own, and its folder."""
    folder = tmp_path_factory.mktemp("traced")
    root, log, go = folder / "root", folder / "log", folder / "go"
    root.mkdir()
    process = commands.arena(*RUN, "--out", str(root / "e"), folder=folder, prepare=functools.partial(wait_for, go))
    with process, subprocess.Popen([*options(log), "-p", str(process.pid)], stderr=subprocess.DEVNULL) as tracer:
        while not is_traced(process.pid):
            if tracer.poll() is not None:
                pytest.skip("strace may not trace a process that it did not start")
            time.sleep(0.002)
        go.touch()
        assert process.finish().returncode == 0
    return Replay(log, root), root / "e"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@traced
def test_the_replay_of_all_writes_is_the_folder(writes: tuple[Replay, Path], tmp_path: Path) -> None:
    replay, folder = writes
    replay.upto(len(replay)).after_a_power_cut(tmp_path, "everything", random.Random(0))
    assert files(tmp_path / "e") == files(folder)
    assert len(replay) > 100


@traced
@pytest.mark.parametrize("left", LEFT)
def test_a_run_goes_on_after_a_power_cut_at_any_moment(
    left: str, writes: tuple[Replay, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay, whole = writes
    for number in range(1, 6):
        place = tmp_path / str(number)
        place.mkdir()
        replay.upto(number * len(replay) // 5).after_a_power_cut(place, left, random.Random(number))
        assert main(["resume", str(place / "e")]) == 0, capsys.readouterr().err
        ours, theirs = files(place / "e"), files(whole)
        assert ours["trace.jsonl"] == theirs["trace.jsonl"]
        assert ours.keys() >= {name for name in theirs if "turn-" not in name}


@traced
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["compare", "map", "sweep"])
def test_an_experiment_goes_on_after_a_power_cut_at_any_moment(kind: str, tmp_path: Path) -> None:
    unbroken = Unbroken(tmp_path)
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert cut(unbroken, kind)(folder, random.Random(number)) in ("survived", "told")


Tear = Callable[[pytest.MonkeyPatch], object]


def no_replacing(patch: pytest.MonkeyPatch) -> None:
    """A kill between the writing of a file and its renaming."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    patch.setattr(Path, "replace", killed)


def test_a_repair_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    file, rows = tmp_path / "trace.jsonl", '{"kind": "turn", "turn": 0}\n{"kind": "turn", "turn": 1}\n'
    file.write_text(rows + "garbage\n")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        no_replacing(patch)
        repair(file, len(rows) + 8, 1)
    assert file.read_text() == rows + "garbage\n"
    assert repair(file, len(rows) + 8, 1)[0] == len(rows)
    assert files(tmp_path) == {"trace.jsonl": rows.encode(), "trace.jsonl.damaged": rows.encode() + b"garbage\n"}


def test_a_file_keeps_its_content_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    write_whole(file, "before")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        no_replacing(patch)
        write_whole(file, "after")
    assert files(tmp_path) == {"map.csv": b"before"}


def test_a_second_damage_has_a_second_name(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    for content in ("a", "b"):
        file.write_text(content)
        damaged.replace_damaged(file, "whole")
    assert files(tmp_path) == {"map.csv": b"whole", "map.csv.damaged": b"a", "map.csv.damaged-2": b"b"}


def test_a_run_that_was_cut_before_its_end_was_written_ends_alike(tmp_path: Path) -> None:
    """Also if it was solved, so that more turns would follow, and with the metrics of its last turn."""
    solved = {"turns": 500, "until_solved": True, "score.every": 10, "checkpoint.every": 10, "rule": "sga", "x.lr": 0.3, "y.lr": 0.3}
    measured = {"turns": 20, "batch": 8, "metrics.every": 20, "checkpoint.every": 10, "score.every": 10}
    for name, game, settings in (("solved", "bilinear", solved), ("measured", "ring", measured)):
        settings |= {"trace.tensorboard": False, "picture.every": 0}
        folder = arena.play(game, out=tmp_path / name, display=False, **settings).folder
        whole = (folder / "trace.jsonl").read_bytes()
        (folder / "trace.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
        (folder / "traces.png").unlink()
        assert arena.resume(folder, display=False).status == ("solved" if name == "solved" else "finished")
        assert (folder / "trace.jsonl").read_bytes() == whole
        assert (folder / "traces.png").is_file()


def test_the_pictures_of_a_run_that_ended_are_drawn_when_it_is_resumed(tmp_path: Path) -> None:
    folder = arena.play("bilinear", turns=10, out=tmp_path / "run", display=False, **{"trace.tensorboard": False}).folder
    for picture in (pictures := [*folder.glob("*.png")]):
        picture.unlink()
    assert arena.resume(folder, display=False).status == "finished"
    assert pictures and all(picture.is_file() for picture in pictures)
