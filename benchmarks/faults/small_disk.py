"""A small disk in memory, on which a command ends as a full or read-only disk makes it end, and is resumed once there is room."""

import contextlib
import functools
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.faults.unbroken import Unbroken, begun, here, words_of
from tests.support import commands

ROOM = "remount,rw,size=1g,nr_inodes=0"


@functools.cache
def may_mount() -> bool:
    """Whether this process may mount a disk; another user may by `unshare -rm python -m benchmarks.faults`."""
    try:
        with tempfile.TemporaryDirectory() as folder, disk(Path(folder), "size=64k"):
            return True
    except (OSError, subprocess.SubprocessError):
        return False


@contextlib.contextmanager
def disk(folder: Path, options: str) -> Iterator[None]:
    """Mount a disk in memory on a folder within the block."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", options, str(folder)], check=True, capture_output=True)


def play_on(
    unbroken: Unbroken, kind: str, folder: Path, options: str, during: Callable[[commands.Process, Path], object] = lambda process, place: 0
) -> str:
    """Play an experiment on a disk with these options, and resume it with room; return what became of it.

    Args:
        unbroken: the experiments to which nothing happens.
        kind: of the experiment.
        folder: in which the disk is mounted.
        options: of the disk.
        during: called with the process and the disk while the experiment is played.
    """
    unbroken.of(kind)
    place = folder / "disk"
    place.mkdir()
    with disk(place, options):
        out = place / "e"
        with commands.arena(*words_of(kind, workers=2), "--out", str(out), folder=folder) as process:
            during(process, place)
            done = process.finish()
        killed = done.returncode == -signal.SIGKILL
        if not killed and (wrong := told_wrongly(done.returncode, done.stderr)):
            return wrong
        remount(place, ROOM)
        if not begun(kind, out):
            clean = killed or (done.returncode == 2 and not out.exists())
            return "told" if clean else f"exit {done.returncode}: {done.stderr[-200:]!r} leaves a folder"
        return resumed(unbroken, kind, out)


def resumed(unbroken: Unbroken, kind: str, out: Path) -> str:
    """Resume an experiment; return what became of it."""
    code, said = here("resume", str(out))
    if code != 0:
        return f"resume ended with {code}: {said[-300:]!r}"
    if not unbroken.same(kind, out):
        return f"another {unbroken.kept(kind)}"
    missing = {path.relative_to(unbroken.of(kind)) for path in unbroken.of(kind).rglob("*.png")}
    missing -= {path.relative_to(out) for path in out.rglob("*.png")}
    return f"{min(map(str, missing))} is missing" if missing else "survived"


def told_wrongly(code: int | None, said: str) -> str:
    """Return what is wrong with the end of a command; nothing if it succeeded, or ended in one sentence."""
    lines = said.splitlines()
    if code == 0 and "Traceback" not in said:
        return ""
    sound = code in (1, 2) and len(lines) == 1 and lines[0].startswith("arena: ") and len(said) < 700
    return "" if sound else f"exit {code}: {said[-1500:]!r}"
