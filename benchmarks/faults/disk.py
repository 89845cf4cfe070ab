"""Disks that fill at any moment, have no room for another file, become read-only, or vanish."""

import random
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.faults import small_disk
from benchmarks.faults.fault import Attempt, Fault
from benchmarks.faults.small_disk import disk, may_mount, play_on, remount, resumed, told_wrongly
from benchmarks.faults.unbroken import Unbroken, begun, here, words_of
from tests.support import commands

TEST = "tests/runs/test_disks.py"
KINDS = {"play": 40, "pictures": 40, "compare": 30, "map": 30, "sweep": 30}
"""Kinds of experiments, and how often the disk of each fills."""


def faults(unbroken: Unbroken) -> list[Fault]:
    if not may_mount():
        return []
    how, several = "a disk in memory of a random size", [*KINDS]
    return [
        *(Fault(f"full disk, {kind}", how, times, full(unbroken, kind), TEST) for kind, times in KINDS.items()),
        Fault("full disk, report", "the same, below a sweep whose report is drawn again", 20, full_report(unbroken), TEST),
        Fault("no inodes", "a disk of a random number of files", 50, without_inodes(unbroken, several), TEST),
        Fault(
            "read-only disk",
            "killed at a random moment, resumed on a read-only disk, and once more",
            40,
            read_only(unbroken, several),
            TEST,
        ),
        Fault("lost folder", "the folder is moved away at a random moment", 40, moved(unbroken, several), TEST),
    ]


def blocks(folder: Path) -> int:
    """Return the bytes that a folder takes on a disk in memory, whose files are of whole pages."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def full(unbroken: Unbroken, kind: str) -> Attempt:
    """Play an experiment on a disk of a random size."""

    def attempt(folder: Path, chance: random.Random) -> str:
        return play_on(unbroken, kind, folder, f"size={chance.randrange(4096, round(1.1 * blocks(unbroken.of(kind))))}")

    return attempt


def full_report(unbroken: Unbroken) -> Attempt:
    """Draw the report of a sweep on a disk with little room, and once more with room."""

    def attempt(folder: Path, chance: random.Random) -> str:
        whole, place, written = unbroken.of("report"), folder / "disk", ("*.png", "*.csv", "*.txt", "hparams", "best.yaml")
        place.mkdir()
        with disk(place, "size=1g"):
            shutil.copytree(whole, place / "e", ignore=shutil.ignore_patterns(*written))
            there = blocks(place)
            remount(place, f"remount,size={there + chance.randrange(4096, round(1.1 * (blocks(whole) - there)))}")
            done = commands.arena("sweep", str(place / "e"), folder=folder).finish()
            if wrong := told_wrongly(done.returncode, done.stderr):
                return wrong
            remount(place, small_disk.ROOM)
            code, said = here("sweep", str(place / "e"))
            missing = {path.name for path in whole.iterdir()} - {path.name for path in (place / "e").iterdir()}
            return "survived" if code == 0 and not missing else f"exit {code}: {said[-200:]} {missing}"

    return attempt


def without_inodes(unbroken: Unbroken, kinds: list[str]) -> Attempt:
    """Play an experiment on a disk that holds a random number of files."""

    def attempt(folder: Path, chance: random.Random) -> str:
        kind = chance.choice(kinds)
        return play_on(unbroken, kind, folder, f"size=1g,nr_inodes={chance.randrange(2, 8 + len(list(unbroken.of(kind).rglob('*'))))}")

    return attempt


def wait(unbroken: Unbroken, kind: str, process: commands.Process, place: Path, chance: random.Random) -> None:
    """Wait for the folder of an experiment, and then until a random share of its files is there."""
    share = chance.random() * len(list(unbroken.of(kind).rglob("*")))
    while process.poll() is None and len(list(place.rglob("*"))) <= share:
        time.sleep(0.002)


def read_only(unbroken: Unbroken, kinds: list[str]) -> Attempt:
    """Kill an experiment, and resume it and draw its report on a read-only disk."""

    def attempt(folder: Path, chance: random.Random) -> str:
        kind = chance.choice(kinds)

        def during(process: commands.Process, place: Path) -> None:
            wait(unbroken, kind, process, place, chance)
            process.kill()
            while blocked(place):  # workers end with the process that started them
                time.sleep(0.01)
            for words in (("resume",), () if kind in ("play", "pictures") else (kind,)):
                code, said = here(*words, str(place / "e")) if words and (place / "e").exists() else (0, "")
                assert not (wrong := told_wrongly(code, said)), wrong

        return play_on(unbroken, kind, folder, "size=1g", during)

    return attempt


def blocked(place: Path) -> bool:
    """Make a disk read-only; return whether a process still writes on it."""
    return subprocess.run(["mount", "-o", "remount,ro", str(place)], capture_output=True, check=False).returncode != 0


def moved(unbroken: Unbroken, kinds: list[str]) -> Attempt:
    """Move the folder of an experiment away while it is played, and resume it there."""

    def attempt(folder: Path, chance: random.Random) -> str:
        kind = chance.choice(kinds)
        unbroken.of(kind)
        out, away = folder / "e", folder / "away"
        with commands.arena(*words_of(kind, workers=2), "--out", str(out), folder=folder) as process:
            wait(unbroken, kind, process, folder, chance)
            if out.exists():
                out.rename(away)
            done = process.finish()
        if wrong := told_wrongly(done.returncode, done.stderr):
            return wrong
        if done.returncode == 0 and not out.exists():
            return "survived" if unbroken.same(kind, away) else "it ended as if it had been played"
        return resumed(unbroken, kind, away) if begun(kind, away) else "told"

    return attempt
