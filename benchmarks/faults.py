"""Faults made on purpose, and how many of them are survived.

    python -m benchmarks.faults                                # the whole table: about an hour on two cores
    python -m benchmarks.faults --share 0.1                    # a tenth of each
    python -m benchmarks.faults --only traces configurations   # these rows

A fault is survived if the experiment goes on and ends with the bytes of one to which nothing happened, or told if it ends in one sentence
with exit code 1 or 2 and nothing is lost. Anything else is printed with the number that repeats it (`--only ROW --first NUMBER`), and the
exit status is 1. Kills are of real processes; damaged files are read in this process by the command line.
"""

import argparse
import contextlib
import io
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from arena.cli import main
from arena.trace import read_trace

Attempt = Callable[[Path, random.Random], str]
"""Makes a fault in an empty folder; returns `survived`, `told`, or what went wrong."""
RUN = ("play", "bilinear", "--turns", "400", "--trace.every", "5", "--checkpoint.every", "40", "--trace.tensorboard", "false")
EXPERIMENTS = {
    "play": RUN,
    "compare": ("compare", "bilinear", "--vary", "rule=simultaneous,extragradient", "--seeds", "2", "--budget", "turns", *RUN[2:]),
    "map": ("map", "bilinear", "--vary", "x.lr=0.01:0.1:3", "--vary", "y.lr=0.01:0.1:3", "--members", "2", "--turns", "300"),
    "sweep": ("sweep", "bilinear", "--vary", "x.lr=log:0.01:0.1", "--turns", "200", "--trials", "6", "--seeds", "1", "--sampler", "qmc"),
}
KEPT = {"play": "trace.jsonl", "compare": "comparison.csv", "map": "map.csv", "sweep": "trials.csv"}
"""The file of each kind whose bytes must not depend on the fault."""


@dataclass(frozen=True)
class Fault:
    """A row of the table.

    Args:
        name: Of the row.
        how: How the fault is made.
        times: Attempts of the whole table.
        attempt: Makes it once.
        test: The test that makes it once.
    """

    name: str
    how: str
    times: int
    attempt: Attempt
    test: str


def command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "arena", *words]


def here(*words: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and standard error."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        code = main(words)
    return code, said.getvalue()


class Unbroken:
    """The folders of experiments to which nothing happens, each played once."""

    def __init__(self, folder: Path):
        self.folder = folder

    def of(self, kind: str) -> Path:
        out = self.folder / kind
        if not out.exists():
            code, said = here(*EXPERIMENTS[kind], *(() if kind == "play" else ("--workers", "1")), "--out", str(out))
            assert code == 0, said
        return out

    def same(self, kind: str, folder: Path) -> bool:
        """Whether an experiment ended with the right numbers; durations and the processes of a sweep may differ."""
        if kind != "sweep":
            return (folder / KEPT[kind]).read_bytes() == (self.of(kind) / KEPT[kind]).read_bytes()
        ours, whole = ({str(r.point): r.values for r in _records(place) if r.status != "lost"} for place in (folder, self.of(kind)))
        return ours == whole


def _records(folder: Path) -> list:  # type: ignore[type-arg]
    from arena.experiments.ledger import read_all

    return read_all(folder)


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


def spoil(data: bytes, chance: random.Random) -> bytes:
    """Damage bytes: cut, flip, remove, repeat or insert."""
    place = chance.randrange(len(data) + 1)
    match chance.randrange(5):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        case 2:
            return data[:place] + data[place + chance.randrange(200) :]
        case 3:
            return data[:place] + data[max(0, place - chance.randrange(200)) :]
        case _:
            return data[:place] + chance.randbytes(chance.randrange(1, 60)) + data[place:]


def killed(unbroken: Unbroken, folder: Path) -> Path:
    """The folder of a run as a kill in turn 230 leaves it."""
    run = folder / "run"
    shutil.copytree(unbroken.of("play"), run)
    for path in run.glob("checkpoints/turn-*"):
        if path.name >= "turn-00000230":
            path.unlink()
    lines = (run / "trace.jsonl").read_bytes().split(b"\n")
    (run / "trace.jsonl").write_bytes(b"\n".join(lines[:46]) + b"\n")
    return run


def damaged(unbroken: Unbroken, pattern: str) -> Attempt:
    """Damage a file of a run that was killed, and resume it."""

    def attempt(folder: Path, chance: random.Random) -> str:
        run = killed(unbroken, folder)
        file = chance.choice(sorted(run.glob(pattern)))
        file.write_bytes(spoil(file.read_bytes(), chance))
        code, said = here("resume", str(run))
        if code not in (0, 1, 2) or len(said.splitlines()) > 1 or len(said) > 700:
            return f"exit {code}: {said[-300:]!r}"
        if code != 0:
            return "told" if said.startswith("arena: ") else f"exit {code}: {said[-300:]!r}"
        whole = read_trace(unbroken.of("play"))
        ours = [row for row in read_trace(run / "trace.jsonl") if row["turn"] > 200]
        if pattern == "config.yaml":
            return "survived" if ours and ours[-1]["kind"] == "end" else "no end"
        return "survived" if ours == [row for row in whole if row["turn"] > 200] else "other rows after the checkpoint"

    return attempt


def odd_configuration(folder: Path, chance: random.Random) -> str:
    """Spoil a sound configuration, as text or in one of its values, and play it."""
    from arena.config import configure

    settings = configure(chance.choice(["bilinear", "ring", "dirac", "dann"])).settings
    text = yaml.safe_dump({**settings, "turns": 2, "trace": {"tensorboard": False}}, sort_keys=False)
    for _ in range(chance.randrange(1, 4)):
        text = spoil(text.encode(), chance).decode(errors="replace")
    (folder / "c.yaml").write_text(text)
    try:
        code, said = here("play", "--config", str(folder / "c.yaml"), "--out", str(folder / "run"), "--turns", "2", "--picture.every", "0")
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    if code == 0:
        return "survived"
    return "told" if len(said.splitlines()) == 1 and len(said) < 700 else f"exit {code}: {said[-300:]!r}"


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


def faults(unbroken: Unbroken) -> list[Fault]:
    """All rows of the table."""
    kill, ask = (signal.SIGKILL,), (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    stop, test = "tests/experiments/test_interrupted.py", "tests/runs/test_damaged.py"
    return [
        Fault("kill play", "SIGKILL at a random moment", 100, stopped(unbroken, "play", kill), "tests/runs/test_run.py"),
        Fault("kill compare", "SIGKILL of the driver", 40, stopped(unbroken, "compare", kill), stop),
        Fault("kill map", "SIGKILL of the driver", 30, stopped(unbroken, "map", kill), stop),
        Fault("kill sweep", "SIGKILL of the driver (Optuna)", 30, stopped(unbroken, "sweep", kill), "tests/tuning/test_sweep.py"),
        Fault("stop play", "Ctrl-C, SIGTERM or SIGHUP", 40, stopped(unbroken, "play", ask), "tests/runs/test_terminals.py"),
        Fault("stop compare", "Ctrl-C, SIGTERM or SIGHUP", 20, stopped(unbroken, "compare", ask), stop),
        Fault("traces", "trace.jsonl cut, flipped, with bytes removed, repeated or inserted", 800, damaged(unbroken, "trace.jsonl"), test),
        Fault("checkpoints", "the same, of a checkpoint", 800, damaged(unbroken, "checkpoints/turn-*.pt"), test),
        Fault("checksums", "the same, of a checksum", 200, damaged(unbroken, "checkpoints/*.sha256"), test),
        Fault("run configurations", "the same, of a run's config.yaml", 200, damaged(unbroken, "config.yaml"), test),
        Fault("configurations", "a sound configuration, spoilt up to three times", 2000, odd_configuration, test),
        Fault("full disk", "no file may grow beyond a random size", 40, full_disk(unbroken), "tests/runs/test_run.py"),
    ]


def measure(fault: Fault, share: float, first: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Make a fault many times; return how often it was survived and told, and what went wrong."""
    found, wrong = Counter[str](), []
    for number in range(first, first + max(1, round(share * fault.times))):
        place = folder / f"{number}"
        place.mkdir()
        try:
            result = fault.attempt(place, random.Random(f"{fault.name} {number}"))  # noqa: S311  # repeatable
        except Exception as error:
            result = f"{type(error).__name__}: {str(error)[:300]}"
        found[result if result in ("survived", "told") else "lost"] += 1
        if result not in ("survived", "told"):
            wrong.append(f"{fault.name} {number}: {result}")
        shutil.rmtree(place)
    return found, wrong


def run() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="share of the attempts of the whole table")
    parser.add_argument("--only", nargs="*", help="rows")
    parser.add_argument("--first", type=int, default=0, help="number of the first attempt")
    options = parser.parse_args()
    everything: list[str] = []
    print(
        "| fault | how it is made | times | goes on, same bytes | told in a sentence | else | test |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as temporary:
        unbroken = Unbroken(Path(temporary))
        for number, fault in enumerate(faults(unbroken)):
            if options.only and fault.name not in options.only:
                continue
            folder = Path(temporary) / f"row-{number}"
            folder.mkdir()
            found, wrong = measure(fault, options.share, options.first, folder)
            counts = f"{found.total():,} | {found['survived']:,} | {found['told']:,} | {found['lost']:,}"
            print(f"| {fault.name} | {fault.how} | {counts} | `{fault.test}` |", flush=True)
            everything += wrong
    for line in everything:
        print(line, file=sys.stderr)
    return 1 if everything else 0


if __name__ == "__main__":
    sys.exit(run())
