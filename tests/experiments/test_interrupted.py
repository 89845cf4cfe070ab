"""Comparisons, maps and sweeps that are interrupted or killed: the answer is quick, nothing is lost, and the rest ends as if unbroken."""

import json
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from arena.cli import main
from arena.trace import read_trace
from tests.support import commands

QUICK = 10.0
"""Seconds within which an experiment ends after Ctrl-C. An idle machine needs less than two; tests share theirs."""


@dataclass(frozen=True)
class Kind:
    """A kind of experiment.

    Args:
        words: of the command line.
        kept: how much of a folder there is.
        enough: so much of it, and the experiment is well under way.
        numbers: of a folder that must be the same whatever happened.
    """

    words: tuple[str, ...]
    kept: Callable[[Path], int]
    enough: int
    numbers: Callable[[Path], object]


def traces(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*/trace.jsonl"))}
    return found | {"comparison.csv": (folder / "comparison.csv").read_bytes()}


def trials(folder: Path) -> dict[str, object]:
    """The values of the trials that were not lost, by point."""
    records = [json.loads(path.read_text()) for path in (folder / "trials").glob("[0-9]*.json")]
    return {str(record["point"]): record["values"] for record in records if record["status"] != "lost"}


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


KINDS = {
    "compare": Kind(
        ("compare", "bilinear", "--vary", "rule=simultaneous,extragradient", "--seeds", "2", "--budget", "turns",
         "--turns", "300", "--trace.tensorboard", "false", "--picture.every", "0"),
        lambda folder: max(map(lines, folder.glob("*/*/trace.jsonl")), default=0), 40, traces,
    ),
    "map": Kind(
        ("map", "swiss-roll", "--vary", "generator.lr=1e-4:1e-1:2", "--vary", "discriminator.lr=1e-4:1e-1:2", "--seeds", "2",
         "--members", "2", "--turns", "150", "--batch", "8", "--generator.hidden", "4", "--discriminator.hidden", "4"),
        lambda folder: lines(folder / "map.csv"), 2, lambda folder: (folder / "map.csv").read_bytes(),
    ),
    "sweep": Kind(
        ("sweep", "bilinear", "--vary", "x.lr=log:0.01:0.1", "--vary", "y.lr=log:0.01:0.1", "--turns", "400", "--trials", "4",
         "--seeds", "1", "--sampler", "qmc", "--rungs", "4"),
        lambda folder: len(list((folder / "trials").glob("[0-9]*.json"))), 1, trials,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of an experiment to which nothing happened, played once."""
    played: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in played:
            played[name] = tmp_path_factory.mktemp(name) / "unbroken"
            assert main([*KINDS[name].words, "--workers", "1", "--out", str(played[name])]) == 0
        return played[name]

    return of


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*children, *(other for child in children for other in descendants(child))]


@pytest.mark.parametrize(
    ("name", "number", "workers"),
    [
        pytest.param("compare", signal.SIGINT, 1, marks=pytest.mark.thorough),
        ("compare", signal.SIGINT, 2),
        pytest.param("compare", signal.SIGKILL, 2, marks=pytest.mark.thorough),
        pytest.param("map", signal.SIGINT, 2, marks=pytest.mark.thorough),
        pytest.param("sweep", signal.SIGINT, 2, marks=pytest.mark.thorough),
        pytest.param("compare", signal.SIGTERM, 2, marks=pytest.mark.slow),
        pytest.param("map", signal.SIGKILL, 2, marks=pytest.mark.slow),
        pytest.param("map", signal.SIGINT, 1, marks=pytest.mark.slow),
        pytest.param("sweep", signal.SIGTERM, 2, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_experiment_continues_to_the_same_numbers(
    name: str, number: int, workers: int, unbroken: Callable[[str], Path], tmp_path: Path
) -> None:
    kind, folder = KINDS[name], tmp_path / "e"
    process = commands.arena(*kind.words, "--workers", str(workers), "--out", str(folder), folder=tmp_path)
    until = time.monotonic() + 300  # a busy machine imports slowly
    while kind.kept(folder) < kind.enough:
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.01)
    started = descendants(process.pid)
    process.send_signal(number)
    began = time.monotonic()
    process.wait(timeout=60)
    took = time.monotonic() - began
    output = "".join(process.output())
    if number != signal.SIGKILL:
        assert took < QUICK
        assert process.returncode == 130, output
        assert re.search(r"stopped with \d+ of \d+ (runs|trials) kept\. Continue with: ", output) and "Traceback" not in output
    until = time.monotonic() + 20
    while any(map(alive, started)):  # the processes that it started end by themselves
        assert time.monotonic() < until
        time.sleep(0.02)
    assert not (folder / "comparison.csv").exists()  # no table, and no mean, over runs that have not ended
    before = {path: path.stat().st_mtime_ns for path in folder.glob("trials/[0-9]*.json")}
    before |= {path: path.stat().st_mtime_ns for path in folder.glob("*/*/trace.jsonl") if read_trace(path)[-1]["kind"] == "end"}
    assert main(["resume", str(folder)]) == 0
    assert kind.numbers(folder) == kind.numbers(unbroken(name))
    assert {path: path.stat().st_mtime_ns for path in before} == before  # what had ended was not played again


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    """And its job is played once more; after a second death the experiment stops."""
    from arena.errors import RunFailed
    from arena.experiments.executors import Resources, executor

    ended: dict[int, str] = {}
    play = executor("processes")
    play(Dies(tmp_path, 1), ["a", "b", "c"], ended.__setitem__, lambda index, turns: None, Resources(tmp_path, workers=2))
    assert ended == {0: "A", 1: "B", 2: "C"}
    with pytest.raises(RunFailed, match="a process of the experiment died"):
        play(Dies(tmp_path, 9), ["d", "e"], ended.__setitem__, lambda index, turns: None, Resources(tmp_path, workers=2))


def test_a_worker_that_is_killed_before_it_takes_a_job_is_replaced(tmp_path: Path) -> None:
    """As one is that is killed while it starts; where none lives to take a job, the experiment stops."""
    from arena.errors import RunFailed
    from arena.experiments.executors import Resources, executor

    ended: dict[int, str] = {}
    play = executor("processes")
    play(DiesAtBirth(tmp_path / "once", 1), ["a", "b"], ended.__setitem__, lambda index, turns: None, Resources(tmp_path, workers=2))
    assert ended == {0: "A", 1: "B"}
    with pytest.raises(RunFailed, match="a process of the experiment died"):
        play(DiesAtBirth(tmp_path / "always", 99), ["a", "b"], ended.__setitem__, lambda index, turns: None, Resources(tmp_path, workers=2))


@dataclass(frozen=True)
class DiesAtBirth:
    """Work whose first processes die when they receive it.

    Args:
        counter: File in which deaths are counted.
        deaths: Number of processes that die.
    """

    counter: Path
    deaths: int

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if lines(self.counter) < self.deaths:
            with self.counter.open("a") as file:
                file.write("x\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def __call__(self, job: str, turns: Callable[[int], None]) -> str:
        return job.upper()


@dataclass(frozen=True)
class Dies:
    """Work whose process dies at the first jobs that it plays.

    Args:
        folder: in which deaths are counted.
        deaths: of each job.
    """

    folder: Path
    deaths: int

    def __call__(self, job: str, turns: Callable[[int], None]) -> str:
        counter = self.folder / f"{job}-deaths"
        died = lines(counter)
        if died < self.deaths and job in "bde":
            with counter.open("a") as file:
                file.write("x\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return job.upper()
