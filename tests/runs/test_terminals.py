"""Terminals: encodings that lack a sign, a backend of matplotlib that does not exist, and a dropped connection."""

import io
import os
import pty
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from arena.cli import main
from arena.runs.encoding import spell
from arena.trace import read_trace
from tests.support import commands
from tests.support.cases import first

RUN = ("play", "bilinear", "--trace.tensorboard", "false", "--turns")


@pytest.mark.parametrize("encoding", first(1, ["ascii", "cp1252", "utf-8"]))
def test_every_encoding_shows_every_sign(encoding: str, tmp_path: Path) -> None:
    """Help, a list, a run and an error."""
    for words in (("play", "ring", "--help"), ("list", "rules"), (*RUN, "20"), ("play", "ring", "--turnsλ", "3")):
        with commands.arena(*words, folder=tmp_path, PYTHONIOENCODING=encoding) as process:
            done = process.finish()
        assert done.returncode == (2 if "--turnsλ" in words else 0), done.stderr
        assert "Traceback" not in done.stderr


def test_ascii_reads_the_same() -> None:
    assert spell("θ − η·∇f, 5 → 3, naïve, 漢") == "theta - eta*grad f, 5 -> 3, naive, ?"


def test_an_unknown_backend_of_matplotlib_is_not_needed(tmp_path: Path) -> None:
    with commands.arena(*RUN, "3", folder=tmp_path, MPLBACKEND="nonsense") as process:
        assert process.finish().returncode == 0


def test_ctrl_c_in_the_middle_of_a_line_saves_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Interrupts()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", write_through=True))
    assert main([*RUN, "200", "--out", str(tmp_path / "run")]) == 130
    assert raw.text.count(b"stopping after this turn") == 1 and read_trace(tmp_path / "run")[-1]["kind"] == "turn"


class Interrupts(io.RawIOBase):
    """An output into whose first line of turns a Ctrl-C falls."""

    text = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        before, self.text = self.text, self.text + bytes(data)
        if b"turn  " in self.text and b"turn  " not in before:
            signal.raise_signal(signal.SIGINT)
        return len(data)


def test_a_dropped_connection_saves_the_run(tmp_path: Path) -> None:
    """SIGHUP, and a terminal that is gone: the run keeps a checkpoint, and goes on from it."""
    ours, theirs = pty.openpty()
    words = (*RUN, "100000", "--rule", "extragradient", "--until-solved", "false", "--out", "run", "--trace.every", "1000")
    process = commands.arena(*words, folder=tmp_path, prepare=Takes(theirs))
    trace = tmp_path / "run" / "trace.jsonl"
    until = time.monotonic() + 60
    while not (trace.is_file() and trace.read_bytes().count(b"\n") > 2):
        assert time.monotonic() < until and process.poll() is None, process.output()
        time.sleep(0.01)
    os.close(ours)
    os.close(theirs)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 130, (process.output(), trace.read_text()[-300:])
    turn = read_trace(trace)[-1]["turn"]
    kept = max(int(path.stem.rpartition("-")[2]) for path in (tmp_path / "run" / "checkpoints").glob("turn-*.pt"))
    assert kept >= turn > 0 and read_trace(trace)[-1]["kind"] == "turn"


class Takes:
    """Makes a terminal the standard output of the command, whose loss it minds also if the tests run under `nohup`.

    Args:
        terminal: its descriptor; forked processes share it by its number in this process.
    """

    def __init__(self, terminal: int):
        self.path = f"/proc/{os.getpid()}/fd/{terminal}"

    def __call__(self) -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        terminal = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
        for number in (1, 2):
            os.dup2(terminal, number)
        os.close(terminal)
