"""Files of a run that are damaged at random, and the run resumed."""

import random
import shutil
from pathlib import Path

from arena.trace import read_trace
from benchmarks.faults.fault import Attempt, Fault
from benchmarks.faults.unbroken import Unbroken, here


def faults(unbroken: Unbroken) -> list[Fault]:
    test = "tests/runs/test_damaged.py"
    return [
        Fault("traces", "trace.jsonl cut, flipped, with bytes removed, repeated or inserted", 800, damaged(unbroken, "trace.jsonl"), test),
        Fault("checkpoints", "the same, of a checkpoint", 800, damaged(unbroken, "checkpoints/turn-*.pt"), test),
        Fault("checksums", "the same, of a checksum", 200, damaged(unbroken, "checkpoints/*.sha256"), test),
        Fault("run configurations", "the same, of a run's config.yaml", 200, damaged(unbroken, "config.yaml"), test),
    ]


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
    shutil.copytree(unbroken.of("keep"), run)
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
        whole = read_trace(unbroken.of("keep"))
        ours = [row for row in read_trace(run / "trace.jsonl") if row["turn"] > 200]
        if pattern == "config.yaml":
            return "survived" if ours and ours[-1]["kind"] == "end" else "no end"
        return "survived" if ours == [row for row in whole if row["turn"] > 200] else "other rows after the checkpoint"

    return attempt
