"""Processes that are killed or asked to stop at a random moment."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults.fault import Attempt, Fault
from benchmarks.faults.unbroken import Unbroken, here, words_of
from tests.support import commands

PATIENCE = 180
"""Seconds after which a process hangs."""
TRIES = 10
"""Experiments that may end before their signal, each with an earlier moment; how long one takes depends on what else the machine does."""


def faults(unbroken: Unbroken) -> list[Fault]:
    kill, ask = (signal.SIGKILL,), (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    stop, sweep = "tests/experiments/test_interrupted.py", "tests/tuning/test_sweep.py"

    def driver(kind: str, times: int, test: str, numbers: tuple[signal.Signals, ...] = kill) -> Fault:
        name, how = ("kill", "SIGKILL") if numbers is kill else ("stop", "Ctrl-C, SIGTERM or SIGHUP")
        return Fault(f"{name} {kind}", f"{how}, at a random moment", times, stopped(unbroken, kind, numbers), test)

    def worker(kind: str, times: int) -> Fault:
        return Fault(f"kill a worker of {kind}", "SIGKILL, at a random moment", times, worker_killed(unbroken, kind), stop)

    return [
        driver("play", 100, "tests/runs/test_run.py"),
        driver("compare", 30, stop),
        worker("compare", 20),
        driver("compare, population", 15, stop),
        driver("map", 25, stop),
        worker("map", 15),
        driver("sweep", 25, sweep),
        worker("sweep", 20),
        driver("sweep, population", 15, sweep),
        driver("play", 40, "tests/runs/test_terminals.py", ask),
        driver("compare", 20, stop, ask),
        driver("map", 20, stop, ask),
        driver("sweep", 20, sweep, ask),
    ]


def stopped(unbroken: Unbroken, kind: str, numbers: tuple[signal.Signals, ...]) -> Attempt:
    """Stop an experiment by a signal at a random moment, and resume it."""

    def attempt(folder: Path, chance: random.Random) -> str:
        number = chance.choice(numbers)
        for out in _in_time(unbroken, kind, folder, chance, number):
            if isinstance(out, str):
                return out
            if not any(out.iterdir() if out.exists() else ()):
                return "survived"  # before anything was written
            code, said = here("resume", str(out))
            if code != 0:
                return "told" if code == 2 and "is not a run folder" in said else f"resume ended with {code}: {said[-200:]}"
            return "survived" if unbroken.same(kind, out) else f"another {unbroken.kept(kind)}"
        return "no signal came before the end"

    return attempt


def _in_time(unbroken: Unbroken, kind: str, folder: Path, chance: random.Random, number: signal.Signals) -> Iterator[Path | str]:
    """Yield the folder of an experiment that was stopped before its end, or what went wrong; nothing if it always ended first."""
    for number_of_try in range(TRIES):
        out = folder / f"e{number_of_try}"
        with commands.arena(*words_of(kind, workers=2), "--out", str(out), folder=folder) as process:
            while not out.exists() and process.poll() is None:
                time.sleep(0.002)
            moment = time.monotonic() + chance.random() * unbroken.seconds(kind) * 0.6**number_of_try
            while time.monotonic() < moment and process.poll() is None:
                time.sleep(0.002)
            if process.poll() is not None:
                continue
            process.send_signal(number)
            sent = time.monotonic()
            code = process.wait(PATIENCE)
            if number != signal.SIGKILL and code not in (0, 130):
                yield f"exit {code} {time.monotonic() - sent:.1f} s after {number.name}: {process.output()[1][-200:]}"
        yield out


def worker_killed(unbroken: Unbroken, kind: str) -> Attempt:
    """Kill one worker at a random moment; the experiment goes on by itself."""

    def attempt(folder: Path, chance: random.Random) -> str:
        for number_of_try in range(TRIES):
            out = folder / f"e{number_of_try}"
            with commands.arena(*words_of(kind, workers=2), "--out", str(out), folder=folder) as process:
                while not (workers := _workers(process.pid)) and process.poll() is None:
                    time.sleep(0.01)
                time.sleep(chance.random() * unbroken.seconds(kind) * 0.6 * 0.6**number_of_try)
                killed = False
                if workers := _workers(process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(chance.choice(workers), signal.SIGKILL)
                        killed = True
                if process.wait(PATIENCE) != 0:
                    return f"exit {process.returncode}: {process.output()[1][-200:]}"
            if killed:
                return "survived" if unbroken.same(kind, out) else f"another {unbroken.kept(kind)}"
        return "no worker was there to be killed"

    return attempt


def _workers(driver: int) -> list[int]:
    """Processes that play: children of the server from which a driver forks them."""
    return [worker for server in _children(driver) for worker in _children(server)]


def _children(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for task in Path(f"/proc/{process}/task").iterdir() for word in (task / "children").read_text().split()]
    return []
