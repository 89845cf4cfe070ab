"""Terminals: encodings that lack a sign, a backend of matplotlib that does not exist, and a dropped connection."""

import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import arena
from arena.cli import main
from arena.config import configure
from arena.runs.display import Lines, Panel
from arena.runs.encoding import spell
from arena.runs.view import View
from arena.trace import read_trace
from tests.conftest import QUIET
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_before_or_after_a_run_is_told(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr("arena.commands.list.main", lambda words: signal.raise_signal(number))
    assert main(["list", "rules"]) == 130
    assert capsys.readouterr().err == "arena: stopped. What was saved before stays\n" and signal.getsignal(number) == before


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


WIDTHS = [40, 80, 120]
LATEST = {
    "turn": 1200, "score": 0.4489, "score_turn": 1000, "ceiling": 0.0339, "best": 0.44, "best_turn": 500, "generator.loss": 0.7512,
    "discriminator.loss": 1.31, "game.D(x)": 0.512,
}  # fmt: skip


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_view_has_both_players_the_score_the_alarms_and_the_time_left(columns: int) -> None:
    reason = "the loss of the generator goes round with a period of about 31 turns"
    view = View("ring", ("generator", "discriminator"), 3000, latest=LATEST, rate=10.0, ringing={"rotation": reason})
    lines = drawn(view, columns)
    assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    for part in ("generator", "discriminator", "0.7512", "1.31", "0.4489 in turn 1,000", "real data 0.0339 (13.24×)", "3 min 0 s left"):
        assert part in text
    assert f"rotation: {reason}" in text and "D(x) 0.512" in text


def test_the_live_view_goes_on_between_the_rows_of_a_slow_game() -> None:
    """A thread redraws it with the turns played by then."""
    out = io.StringIO()
    panel = Panel(Console(file=out, force_terminal=True, width=80, height=20, color_system=None))
    config = configure("ring", {"turns": 50, "generator.hidden": (4,), "discriminator.hidden": (4,)})
    game = config.build()
    game.reset(seed=0)
    panel.begin(config, Path("run"), game)
    try:
        panel.row({"kind": "turn", "turn": 0, "generator.loss": 0.7}, {})
        for _ in range(7):
            game.play_scheduled_turn()
        until = time.monotonic() + 20
        while "7 of 50" not in out.getvalue():
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        panel.end()


@pytest.mark.thorough
@pytest.mark.parametrize(("columns", "encoding"), [(40, "ascii"), (40, "utf-8"), (80, "utf-8"), (120, "utf-8")])
def test_a_terminal_shows_whole_lines(columns: int, encoding: str, tmp_path: Path) -> None:
    """A real pseudo-terminal: no line is longer than it is wide, and the report comes first after the run."""
    often = ("--trace.every", "20", "--score.every", "100", "--trace.tensorboard", "false")
    text = shown_in(columns, "play", "ring", "--turns", "400", *often, "--out", "run", folder=tmp_path, PYTHONIOENCODING=encoding)
    lines = [line for part in text.split("\n") for line in part.split("\r")]
    assert max(map(len, lines)) <= columns
    assert all(part in text for part in ("generator", "discriminator", "real data", "alarms", " left"))
    names = [line.strip() for line in lines if re.match(r"  (report|verdict|score|status|metrics)\b", line)]
    assert [name.split()[0] for name in names][:4] == ["report", "verdict", "score", "status"]
    assert encoding != "ascii" or text.isascii()


@pytest.mark.thorough
@pytest.mark.parametrize("columns", WIDTHS)
def test_lists_fit_a_terminal(columns: int, tmp_path: Path) -> None:
    for name in ("near", "far"):
        arena.play("ring", turns=4, batch=8, out=tmp_path / "runs" / name, display=False, **QUIET)
    for words in (("runs",), ("runs", "--best", "ring"), ("show", "runs/near")):
        text = shown_in(columns, *words, folder=tmp_path)
        assert max(map(len, text.splitlines())) <= columns
        assert "runs/near" in text


def drawn(view: Any, columns: int) -> list[str]:
    console = Console(width=columns, color_system=None, file=io.StringIO())
    console.print(view)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def only_the_terminal_says_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


def shown_in(columns: int, *words: str, folder: Path, **environment: str) -> str:
    """Return what a command writes into a terminal of some width, without colours and movements of the cursor."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    output = b""
    with commands.arena(*words, folder=folder, prepare=Takes(theirs), TERM="xterm-256color", **environment) as process:
        until = time.monotonic() + 120
        while process.poll() is None or select.select([ours], [], [], 0)[0]:
            assert time.monotonic() < until, output
            if select.select([ours], [], [], 0.1)[0]:
                output += os.read(ours, 65536)
        assert process.wait(1) == 0, output
    os.close(ours)
    os.close(theirs)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode()).replace("\r\n", "\n")


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
        encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
        sys.stdout, sys.stderr = (open(number, "w", encoding=encoding, buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115


def test_brackets_of_a_note_are_shown() -> None:
    """Those of an extra are no markup: without them the command installs something else."""
    screen = io.StringIO()
    Lines(Console(file=screen, width=200)).note("Fix: pip install 'two-player-arena[xla]'")
    assert screen.getvalue() == "Fix: pip install 'two-player-arena[xla]'\n"
