"""Odd surroundings: no locks, a clock that steps back, too little memory, no home, odd names, and two processes that are the first."""

import functools
import json
import os
import random
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from arena.experiments.ledger import read_all
from benchmarks.faults.fault import Attempt, Fault
from benchmarks.faults.small_disk import resumed, told_wrongly
from benchmarks.faults.unbroken import Unbroken, begun, command, words_of
from tests.support import commands

KINDS = ("play", "pictures", "compare", "map", "sweep")
NAMES = ("a run", "Läufe/ä ö", "試し", "x=0.1, y=(2)", "it's", "-dash", "$HOME", "a;b&c", "é", "🎲 dice", "#1", "tab\there", "[b]bold[/b]")
"""Names of folders; the second of two e with an accent has it as a letter of its own."""


def faults(unbroken: Unbroken) -> list[Fault]:
    test = "tests/runs/test_surroundings.py"
    preloaded = [
        Fault("no locks", "flock fails with ENOLCK in every process", 20, on_odd_machine(unbroken, "ODD_LOCKS"), test),
        Fault("clock", "the time of day steps back an hour in every process", 20, on_odd_machine(unbroken, "ODD_CLOCK"), test),
    ]
    return [
        *(preloaded if odd_machine() else []),
        Fault("no memory", "RLIMIT_AS 3 kB to 300 MB above what is mapped after imports", 100, without_memory(unbroken), test),
        Fault("no home", "no HOME, or a home, cache or state folder that cannot be written", 25, without_home(unbroken), test),
        Fault("odd names", "folders with spaces, signs and letters of all kinds", 30, named_oddly(unbroken), test),
        Fault("two at first", "two processes train the judge of one data set at once", 20, two_at_first, test),
    ]


@functools.cache
def odd_machine() -> str | None:
    """Return the compiled library; None without a compiler."""
    compiler = shutil.which("cc")
    library = f"{tempfile.mkdtemp()}/odd_machine.so"
    source = str(Path(__file__).with_name("odd_machine.c"))
    made = compiler and subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], capture_output=True, check=False)
    return library if made and made.returncode == 0 else None


def on_odd_machine(unbroken: Unbroken, oddity: str) -> Attempt:
    """Play an experiment with two workers on a machine with an oddity; nothing may differ but a warning."""

    def attempt(folder: Path, chance: random.Random) -> str:
        kind, out = chance.choice(KINDS), folder / "e"
        value = str(folder) if oddity == "ODD_LOCKS" else str(chance.randrange(1, 3000))
        oddities = {"LD_PRELOAD": str(odd_machine()), oddity: value}
        words = command((*words_of(kind, workers=2), "--out", str(out)))
        done = subprocess.run(words, env=os.environ | oddities, capture_output=True, text=True, timeout=300, check=False)
        expected = ["arena: the file system has no locks. Let only one machine at a time write into the folder"] * (oddity == "ODD_LOCKS")
        if done.returncode != 0 or done.stderr.splitlines() != expected:
            return f"exit {done.returncode}: {done.stderr[-500:]!r}"
        if min(durations(out)) < 0:
            return f"{min(durations(out))} seconds"
        return "survived" if unbroken.same(kind, out) else f"another {unbroken.kept(kind)}"

    return attempt


def durations(folder: Path) -> Iterator[float]:
    """Return the seconds that files of an experiment state."""
    yield 0.0
    for file in folder.rglob("environment.json"):
        yield from (entry["seconds"] for entry in json.loads(file.read_text()))
    for record in read_all(folder):
        yield from (record.seconds, record.overhead)


def little_memory(more: int) -> None:
    """Let this process map `more` bytes beside those that it has mapped."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def without_memory(unbroken: Unbroken) -> Attempt:
    """Play an experiment until memory runs out, and resume it with memory."""

    def attempt(folder: Path, chance: random.Random) -> str:
        kind, out, more = chance.choice(KINDS), folder / "e", int(10 ** chance.uniform(3.5, 8.5))
        words = (*words_of(kind), "--out", str(out))
        done = commands.arena(*words, folder=folder, prepare=functools.partial(little_memory, more)).finish()
        if wrong := told_wrongly(done.returncode, done.stderr):
            return f"{kind} with {more:,} bytes: {wrong}"
        return resumed(unbroken, kind, out) if begun(kind, out) else "told"

    return attempt


def without_home(unbroken: Unbroken) -> Attempt:
    """Play an experiment as a user without a home, or whose folders cannot be written: not even root can below /dev/null."""

    def attempt(folder: Path, chance: random.Random) -> str:
        kind, out, before = chance.choice(KINDS), folder / "e", {*Path.cwd().iterdir()}
        names = ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
        odd = {name: chance.choice(["/dev/null/x", ""]) for name in names if chance.random() < 0.6}
        kept = {name: value for name, value in os.environ.items() if name not in odd} | {n: v for n, v in odd.items() if v}
        words = command((*words_of(kind, workers=2), "--out", str(out)))
        done = subprocess.run(words, env=kept, capture_output=True, text=True, timeout=300, check=False)
        said = [line for line in done.stderr.splitlines() if "matplotlib" not in line.lower()]  # which tells of its own folder
        if done.returncode != 0 or said:
            return f"{odd}: exit {done.returncode}: {done.stderr[-500:]!r}"
        if {*Path.cwd().iterdir()} != before:
            return f"{odd}: makes {({*Path.cwd().iterdir()} - before).pop().name} in the current folder"
        return "survived" if unbroken.same(kind, out) else f"another {unbroken.kept(kind)}"

    return attempt


def named_oddly(unbroken: Unbroken) -> Attempt:
    """Play an experiment in a folder with an odd name, stop it in the middle, and type the command that its sentence gives."""

    def attempt(folder: Path, chance: random.Random) -> str:
        kind, name = chance.choice(KINDS), chance.choice(NAMES)
        out = folder / name / "e"
        with commands.arena(*words_of(kind, workers=2), "--out", str(out), folder=folder) as process:
            done = process.finish()
        if done.returncode != 0 or done.stderr:
            return f"{name}: exit {done.returncode}: {done.stderr[-300:]!r}"
        again = commands.arena(*words_of(kind, workers=2), "--out", str(out), folder=folder).finish()
        typed = again.stderr.partition("`")[2].partition("`")[0]
        words = subprocess.run(["sh", "-c", f"printf '%s\\n' {typed}"], capture_output=True, text=True, check=True).stdout.split("\n")
        if again.returncode != 2 or words[:3] != ["arena", "resume", str(out)]:
            return f"{name}: the command {typed!r} gives {words}"
        return resumed(unbroken, kind, out)

    return attempt


def two_at_first(folder: Path, chance: random.Random) -> str:
    """Let two processes begin at once, neither of which finds the judge of the digits, the index or the user's key."""
    odd = {"XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state")}
    words = (
        "play",
        "digits",
        "--turns",
        "2",
        "--batch",
        "8",
        "--picture.every",
        "0",
        "--trace.tensorboard",
        "false",
        "--metrics.every",
        "2",
    )
    both = [commands.arena(*words, "--out", str(folder / f"{n}"), folder=folder, **odd) for n in range(2)]
    ends = [process.finish() for process in both]
    for done in ends:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("training the judge")]
        if done.returncode != 0 or lines:
            return f"exit {done.returncode}: {done.stderr[-300:]!r}"
    traces = {(folder / f"{n}" / "trace.jsonl").read_bytes() for n in range(2)}
    left = [path.name for path in folder.rglob("*.part")]
    return "survived" if len(traces) == 1 and not left else f"{len(traces)} traces, {left}"
