"""Memory, open files, threads and disk of a long run, and of many steps of an environment.

    python -m benchmarks.long_runs                                 # 500,000 turns of a ring and of f = xy, 20,000 steps: half an hour
    python -m benchmarks.long_runs --turns 20000 --steps 2000      # a short form

A child process plays; this one samples it from outside. The first six tenths are warm-up: every part has been used by then, such as the
alarm that begins at half. Of the samples that follow, the median of the first fifth is compared with that of the last. The exit status is 1
if memory grows by more than `LIMIT` MB, or if files or threads are added. The rows of disk say what the folder holds.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

LIMIT = 16.0
"""MB by which memory may grow."""
WARM_UP = 0.6
"""Share of the turns."""
KINDS = {
    "trace": "trace.jsonl",
    "events": "**/*tfevents*",
    "pictures": "**/*.png",
    "checkpoints": "checkpoints/*",
}
GAMES = {
    "bilinear": ("--rule", "alternating", "--trace.every", "10"),
    "ring": ("--trace.every", "10", "--score.every", "100", "--generator.hidden", "16", "--batch", "32"),
}
FIELDS = ("RssAnon", "VmSwap", "Threads")
STEPS = """
import sys, gymnasium, arena
env = gymnasium.make("arena:arena/Ring-v0", **{"turns": 100})
env.reset(seed=0)
for step in range(int(sys.argv[1])):
    *_, terminated, truncated, _ = env.step(env.action_space.sample())
    if terminated or truncated:
        env.reset()
    if step % 20 == 0:
        print(step, flush=True)
"""


@dataclass(frozen=True)
class Sample:
    """What a process holds at a moment.

    Args:
        turn: Turn or step.
        memory: Its own memory in MB, resident or swapped out, without files that are mapped.
        files: Open files.
        threads: Its threads.
    """

    turn: int
    memory: float
    files: int
    threads: int


def sample(process: "subprocess.Popen[str]", turn: int) -> Sample | None:
    """Read a process in /proc; None once it has ended."""
    place = Path(f"/proc/{process.pid}")
    try:
        status = place.joinpath("status").read_text()
        number = {name: int(found[1]) for name in FIELDS if (found := re.search(rf"{name}:\s+(\d+)", status))}
        files = sum(1 for _ in place.joinpath("fd").iterdir())
        return Sample(turn, (number["RssAnon"] + number["VmSwap"]) / 1024, files, number["Threads"])
    except (OSError, KeyError):
        return None


def last_turn(trace: Path) -> int:
    """Return the turn of the last whole row of a trace that is being written."""
    with trace.open("rb") as file:
        file.seek(max(0, trace.stat().st_size - 8192))
        lines = file.read().split(b"\n")[1:-1]
    return int(json.loads(lines[-1])["turn"]) if lines else 0


def of_play(game: str, turns: int, folder: Path) -> list[Sample]:
    """Play, and return samples."""
    often = ("--turns", str(turns), "--picture.every", str(turns // 40), "--checkpoint.every", str(turns // 40))
    words = [sys.executable, "-m", "arena", "play", game, *often, "--out", str(folder), *GAMES[game]]
    found = []
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            time.sleep(0.2)
            trace = folder / "trace.jsonl"
            turn = last_turn(trace) if trace.exists() else 0
            if turn and turn < turns and (now := sample(process, turn)):
                found.append(now)
    if process.returncode != 0:
        sys.exit(f"arena play {game} ended with {process.returncode}")
    return found


def of_environment(steps: int) -> list[Sample]:
    """Step an environment, and return samples."""
    found = []
    with subprocess.Popen([sys.executable, "-c", STEPS, str(steps)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if now := sample(process, int(line)):
                found.append(now)
    if process.returncode != 0:
        sys.exit(f"the environment ended with {process.returncode}")
    return found


def disk(folder: Path) -> Iterator[str]:
    """Yield a sentence for each kind of file."""
    for name, pattern in KINDS.items():
        files = [path for path in folder.glob(pattern) if path.is_file() and not path.is_symlink()]
        yield f"{name} {sum(path.stat().st_size for path in files) / 1e6:.2f} MB in {len(files)} files"


def judge(name: str, samples: list[Sample], everything: int) -> bool:
    """Print what grew after the warm-up; return whether all of it stays within the limits."""
    later = [s for s in samples if s.turn >= WARM_UP * everything]
    fifth = max(1, len(later) // 5)

    def medians(what: str) -> tuple[float, float]:
        first, last = (median(getattr(s, what) for s in part) for part in (later[:fifth], later[-fifth:]))
        return first, last

    memory, files, threads = medians("memory"), medians("files"), medians("threads")
    grew = f"memory {memory[0]:.0f} → {memory[1]:.0f} MB, files {files[0]:g} → {files[1]:g}, threads {threads[0]:g} → {threads[1]:g}"
    print(f"{name}: {len(samples)} samples up to {samples[-1].turn:,} of {everything:,}; after the warm-up {grew}", flush=True)
    return memory[1] - memory[0] <= LIMIT and files[1] <= files[0] and threads[1] <= threads[0]


def run() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=500_000)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--games", nargs="*", default=[*GAMES], choices=[*GAMES], metavar="GAME")
    options = parser.parse_args()
    sound = True
    with tempfile.TemporaryDirectory() as temporary:
        for game in options.games:
            folder = Path(temporary) / game
            sound &= judge(f"play {game}", of_play(game, options.turns, folder), options.turns)
            print(f"  {options.turns:,} turns: {', '.join(disk(folder))}", flush=True)
    if options.steps:
        sound &= judge("environment of the ring", of_environment(options.steps), options.steps)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(run())
