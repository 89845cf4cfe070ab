"""A disk that is full."""

import random
import resource
import subprocess
from pathlib import Path

from benchmarks.faults.fault import Attempt, Fault
from benchmarks.faults.unbroken import RUN, Unbroken, command, here


def faults(unbroken: Unbroken) -> list[Fault]:
    return [Fault("full disk", "no file may grow beyond a random size", 40, full_disk(unbroken), "tests/runs/test_run.py")]


def full_disk(unbroken: Unbroken) -> Attempt:
    """Let no file of a run grow beyond a random size; resume it with room."""

    def attempt(folder: Path, chance: random.Random) -> str:
        out, size = folder / "e", chance.randrange(200, 40_000)

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        done = subprocess.run(
            command((*RUN, "--out", str(out))), capture_output=True, text=True, check=False, preexec_fn=limit, timeout=120
        )
        if done.returncode not in (0, 1, 2) or "Traceback" in done.stderr or len(done.stderr.splitlines()) > 1:
            return f"exit {done.returncode}: {done.stderr[-300:]!r}"
        if not (out / "config.yaml").exists() or (out / "config.yaml").stat().st_size == 0:
            return "told"
        code, said = here("resume", str(out))
        if code != 0:
            return "told" if len(said.splitlines()) == 1 else f"resume ended with {code}: {said[-300:]!r}"
        return "survived" if unbroken.same("play", out) else "another trace"

    return attempt
