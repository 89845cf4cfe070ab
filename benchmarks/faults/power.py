"""Power cuts: the writes of a real command are recorded, and the disk is rebuilt as a cut after any of them would leave it."""

import functools
import random
import subprocess
import tempfile
from pathlib import Path

from benchmarks.faults.fault import Attempt, Fault
from benchmarks.faults.file_system import LEFT
from benchmarks.faults.system_calls import Replay, options, strace
from benchmarks.faults.unbroken import Unbroken, begun, command, here, words_of


def faults(unbroken: Unbroken) -> list[Fault]:
    test = "tests/runs/test_power_cut.py"
    times = {"play": 400, "compare": 150, "map": 100, "sweep": 100}
    how = "a power cut after any of its writes; what was not flushed is kept, cut, zero or gone"
    return [Fault(f"power cut, {kind}", how, count, cut(unbroken, kind), test) for kind, count in times.items()] if strace() else []


@functools.cache
def recorded(kind: str) -> Replay:
    """Return the writes of an experiment."""
    with tempfile.TemporaryDirectory() as temporary:
        root, log = Path(temporary) / "root", Path(temporary) / "log"
        root.mkdir()
        words = command((*words_of(kind, workers=2), "--out", str(root / "e")))
        subprocess.run([*options(log), *words], check=True, capture_output=True, timeout=300)
        return Replay(log, root)


def cut(unbroken: Unbroken, kind: str) -> Attempt:
    """Cut the power at a random moment, and resume the experiment."""

    def attempt(folder: Path, chance: random.Random) -> str:
        writes = recorded(kind)
        moment, left = chance.randrange(len(writes) + 1), chance.choice(LEFT)
        writes.upto(moment).after_a_power_cut(folder, left, chance)
        return resumed(unbroken, kind, folder / "e", f"after {moment:,} of {len(writes):,} calls, {left}")

    return attempt


def resumed(unbroken: Unbroken, kind: str, folder: Path, when: str) -> str:
    """Resume an experiment after a power cut; return what became of it."""
    began = begun(kind, folder)
    code, said = here("resume", str(folder))
    if code == 2 and not began and len(said.splitlines()) == 1:
        return "told"
    if code != 0:
        return f"{when}: resume ended with {code}: {said[-300:]}"
    if not unbroken.same(kind, folder):
        return f"{when}: another {unbroken.kept(kind)}"
    missing = {path.relative_to(unbroken.of(kind)) for path in unbroken.of(kind).rglob("*.png")} - {
        path.relative_to(folder) for path in folder.rglob("*.png")
    }
    return f"{when}: {sorted(map(str, missing))[0]} is missing" if missing else "survived"
