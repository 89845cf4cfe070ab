"""Damaged and odd files in a run folder: one sentence, nothing lost, and the run goes on from what is whole."""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

import arena
from arena.cli import main
from arena.trace import read_trace
from tests.support.cases import first, one_of_each

Damage = Callable[[Path], object]
QUICK = {"turns": 60, "trace.every": 5, "score.every": 20, "checkpoint.every": 10, "checkpoint.keep": 9, "trace.tensorboard": False}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has ended."""
    return arena.play("bilinear", out=tmp_path_factory.mktemp("damaged") / "run", display=False, **QUICK).folder


@pytest.fixture
def killed(whole: Path, tmp_path: Path) -> Path:
    """The folder of the same run, as a kill after turn 37 leaves it."""
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    for path in folder.glob("checkpoints/turn-*"):
        if path.name >= "turn-00000037":
            path.unlink()
    rows = (folder / "trace.jsonl").read_bytes().split(b"\n")
    (folder / "trace.jsonl").write_bytes(b"\n".join(rows[:8]) + b"\n")  # until turn 35
    return folder


def resumed(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["resume", str(folder)])
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) <= 1, captured.err
    assert len(captured.err) < 600
    return code, captured.out + captured.err


def middle(line: bytes) -> Damage:
    """A damage that writes a line in the place of the fourth one."""

    def write(file: Path) -> None:
        rows = file.read_bytes().split(b"\n")
        rows[3] = line
        file.write_bytes(b"\n".join(rows))

    return write


def cut(share: float) -> Damage:
    return lambda file: os.truncate(file, int(share * file.stat().st_size))


TRACES: dict[str, Damage] = {
    "missing": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "cut early": cut(0.1),
    "cut late": cut(0.6),
    "garbage": middle(b"\x00\x13garbage"),
    "no UTF-8": middle(b'{"kind": "turn", "turn": 3, "x.loss": "\xff\xfe"}'),
    "no object": middle(b"[1, 2]"),
    "NaN": middle(b'{"kind": "turn", "turn": 3, "score": NaN}'),
    "nested": middle(b"[" * 100_000),
    "a word for a number": middle(b'{"kind": "turn", "turn": 3, "score": "low"}'),
}


@pytest.mark.parametrize("damage", first(5, TRACES))
def test_a_damaged_trace_loses_only_its_damaged_rows(damage: str, whole: Path, killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = killed / "trace.jsonl"
    before = {row["turn"]: row for row in read_trace(whole)}
    TRACES[damage](file)
    data = file.read_bytes() if file.exists() else None
    code, text = resumed(killed, capsys)
    assert code == 0 and "trace.jsonl was damaged" in text
    rows = read_trace(file)
    assert [row["turn"] for row in rows if row["turn"] > 30] == [35, 40, 45, 50, 55, 60, 60]
    assert all(row == before[row["turn"]] for row in rows if row["kind"] == "turn" and row["turn"] < 60)
    assert rows[-1] == read_trace(whole)[-1]
    assert data is None or (killed / "trace.jsonl.damaged").read_bytes() == data
    if damage in ("garbage", "no UTF-8", "no object", "NaN", "nested", "a word for a number"):
        assert [row["turn"] for row in rows if row["turn"] <= 30] == [0, 5, 10, 20, 25, 30]


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)


CHECKPOINTS: dict[str, Damage] = {
    "a flipped byte": flip,
    "cut": cut(0.5),
    "empty": lambda file: file.write_bytes(b""),
    "no checksum": lambda file: file.with_name(file.name + ".sha256").unlink(),
    "an empty checksum": lambda file: file.with_name(file.name + ".sha256").write_bytes(b"\xff"),
}


@pytest.mark.parametrize(("damage", "how_many"), one_of_each(CHECKPOINTS, [1, 4], pytest.mark.thorough))
def test_a_damaged_checkpoint_is_set_aside(
    damage: str, how_many: int, whole: Path, killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run goes on from the one before, or begins again; it ends with the same bytes."""
    latest = sorted(killed.glob("checkpoints/turn-*.pt"))[-how_many:]
    for file in latest:
        CHECKPOINTS[damage](file)
    code, text = resumed(killed, capsys)
    assert code == 0 and text.count("It is set aside") == how_many
    assert ("the run begins again" in text) == (how_many == 4)
    assert (killed / "trace.jsonl").read_bytes() == (whole / "trace.jsonl").read_bytes()
    assert all(file.with_name(f"{file.name}.damaged").exists() for file in latest)


INSIDES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no arena": lambda state: state.pop("arena"),
    "an arena that is a list": lambda state: state.update(arena=[]),
    "an empty arena": lambda state: state.update(arena={}),
    "a player without weights": lambda state: state["arena"].update(game={}),
    "a negative turn": lambda state: state.update(turn=-3),
    "a turn that is a word": lambda state: state.update(turn="3"),
    "no trace": lambda state: state.pop("trace"),
    "a negative trace": lambda state: state.update(trace=-1),
    "a game that is a number": lambda state: state.update(game=3),
    "settings that are a list": lambda state: state.update(settings=[]),
    "settings that are no YAML": lambda state: state.update(settings="a: [1"),
    "settings that are a word": lambda state: state.update(settings="a"),
    "alarms that are a word": lambda state: state.update(alarms="x"),
    "a path that is a number": lambda state: state.update(path=3),
    "a best score that is a word": lambda state: state.update(best="low"),
}


@pytest.mark.parametrize("inside", INSIDES)
def test_a_checkpoint_that_is_wrong_inside_is_refused(inside: str, killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Though its checksum is right; and nothing is changed."""
    file = sorted(killed.glob("checkpoints/turn-*.pt"))[-1]
    state = torch.load(file, weights_only=True)
    INSIDES[inside](state)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    file.write_bytes(buffer.getvalue())
    file.with_name(file.name + ".sha256").write_text(f"{hashlib.sha256(buffer.getvalue()).hexdigest()}  {file.name}\n")
    trace = (killed / "trace.jsonl").read_bytes()
    code, text = resumed(killed, capsys)
    assert code == 2 and file.name in text
    assert (killed / "trace.jsonl").read_bytes() == trace


CONFIGS = {
    "a number for a key": "1: 2\n",
    "null for a key": "null: 2\n",
    "true for a key": "true: 2\n",
    "a list for a key": "[1, 2]: 2\n",
    "a key twice": "turns: 60\nturns: 70\n",
    "an anchor of itself": "rule: &a [*a]\n",
    "aliases that explode": "".join(["a: &a [1]\n", *(f"{x}: &{x} [{','.join([f'*{y}'] * 9)}]\n" for y, x in pairwise("abcdefghi"))]),
    "nested": "rule: " + "[" * 400 + "]" * 400 + "\n",
    "no YAML": "turns: [1\n",
    "a Python object": "turns: !!python/object/apply:os.system ['touch ran']\n",
    "a list": "- 1\n",
    "empty": "",
    "no UTF-8": "turns: \udcff\n",
    "a path for a game": "game: /\n",
    "a list for a game": "game: [ring]\n",
    "a line break in a name": 'rule: "si\\nmul"\n',
}


@pytest.mark.parametrize("config", CONFIGS)
def test_an_odd_configuration_is_refused_in_a_sentence(config: str, killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (killed / "config.yaml").write_bytes(CONFIGS[config].encode(errors="surrogateescape"))
    assert resumed(killed, capsys)[0] == 2
    assert main(["play", "--config", str(killed / "config.yaml"), "--out", str(killed / "new")]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and len(said) < 600
    assert not (killed / "new").exists()


@pytest.mark.parametrize("name", ["trace.jsonl", "config.yaml", "checkpoints/turn-00000030.pt", "environment.json"])
def test_nothing_is_read_or_written_through_links_and_special_files(
    name: str, killed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link out of the folder, a device, and a pipe, which nobody will ever write into."""
    file = killed / name
    outside = tmp_path / "outside"
    shutil.copy(file, outside)
    before = outside.read_bytes()
    for target in (outside, Path("/dev/zero"), None):
        file.unlink()
        if target is None:
            os.mkfifo(file)
        else:
            file.symlink_to(target)
        code, text = resumed(killed, capsys)
        assert code == 2 and name.rpartition("/")[2] in text
    assert outside.read_bytes() == before


def test_a_configuration_that_is_no_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        assert main(["play", "--config", str(path)]) == 2
        assert "cannot be read" in capsys.readouterr().err


def test_two_processes_do_not_write_into_one_folder(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from arena.runs.locks import alone_in

    with alone_in(killed):
        code, text = resumed(killed, capsys)
    assert code == 2 and f"in use by process {os.getpid()} on " in text
    assert resumed(killed, capsys)[0] == 0
    assert json.loads((killed / "environment.json").read_text())
