"""Processes that are killed or asked to stop at a random moment."""

import random
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.faults.fault import Attempt, Fault
from benchmarks.faults.unbroken import EXPERIMENTS, KEPT, Unbroken, command, here


def faults(unbroken: Unbroken) -> list[Fault]:
    kill, ask = (signal.SIGKILL,), (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    stop = "tests/experiments/test_interrupted.py"
    return [
        Fault("kill play", "SIGKILL at a random moment", 100, stopped(unbroken, "play", kill), "tests/runs/test_run.py"),
        Fault("kill compare", "SIGKILL of the driver", 40, stopped(unbroken, "compare", kill), stop),
        Fault("kill map", "SIGKILL of the driver", 30, stopped(unbroken, "map", kill), stop),
        Fault("kill sweep", "SIGKILL of the driver (Optuna)", 30, stopped(unbroken, "sweep", kill), "tests/tuning/test_sweep.py"),
        Fault("stop play", "Ctrl-C, SIGTERM or SIGHUP", 40, stopped(unbroken, "play", ask), "tests/runs/test_terminals.py"),
        Fault("stop compare", "Ctrl-C, SIGTERM or SIGHUP", 20, stopped(unbroken, "compare", ask), stop),
    ]


def stopped(unbroken: Unbroken, kind: str, numbers: tuple[signal.Signals, ...]) -> Attempt:
    """Stop an experiment by a signal at a random moment, and resume it."""

    def attempt(folder: Path, chance: random.Random) -> str:
        out, number = folder / "e", chance.choice(numbers)
        whole = unbroken.of(kind)
        began = time.monotonic()
        workers = () if kind == "play" else ("--workers", "2")
        process = subprocess.Popen(
            command((*EXPERIMENTS[kind], *workers, "--out", str(out))), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while not out.exists() and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.random() * 1.5 * max(0.2, whole.stat().st_mtime - whole.stat().st_ctime, 2.0))
        process.send_signal(number)
        said = process.communicate(timeout=120)[1]
        if number != signal.SIGKILL and process.returncode not in (0, 130):
            return f"exit {process.returncode} after {number.name} ({time.monotonic() - began:.1f} s): {said[-200:]}"
        if not any(out.iterdir() if out.exists() else ()):
            return "survived"  # before anything was written
        code, said = here("resume", str(out))
        if code != 0:
            return "told" if code == 2 and "is not a run folder" in said else f"resume ended with {code}: {said[-200:]}"
        return "survived" if unbroken.same(kind, out) else f"another {KEPT[kind]}"

    return attempt
