"""Time a turn of domain adaptation by its joint backward pass, against explicit losses and against hand-written loops.

    python -m benchmarks.dann            # all rows, about two minutes
    python -m benchmarks.dann --quick    # fewer chunks

All sides play the same nets and batch sizes on one thread, alternately, chunk by chunk, in one process. "Explicit" is the same arena with
`jointly=False`: one forward pass, and one backward pass per player that stops at its own parameters. "One after the other" is an
alternating round: a forward and a backward pass per player, as in loops without gradient reversal. The hand-written loops are in
`benchmarks.loops`; that of MNIST → USPS loads images from two DataLoaders, as published loops do.
"""

import os
import platform
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from arena.config import configure
from benchmarks import processor, show_help
from benchmarks.loops import dann, moons_dann
from benchmarks.population import seconds
from benchmarks.published.mnist_usps import PLAIN

LENET = {name: value for name, value in PLAIN.items() if not name.startswith("scheduler")} | {"source": "mnist", "target": "usps"}


def turns(settings: dict[str, Any]) -> Callable[[], None]:
    """Return a function that plays one turn, and reads signals every 500, as in any run, to detect divergence."""
    arena = configure("dann", {"turns": 10**6, **settings, "coupling": 0.5}).build()
    arena.reset(seed=0)

    def play() -> None:
        arena.play_scheduled_turn()
        if arena.turns_played % 500 == 0:
            arena.read_signals()

    return play


def one_after_the_other(settings: dict[str, Any]) -> Callable[[], None]:
    """Return a function that plays a round of two turns, one per player."""
    turn = turns({**settings, "jointly": False, "scheduler": "alternating"})

    def play() -> None:
        turn()
        turn()

    return play


def row(what: str, least: float, slow: Callable[[], Any], fast: Callable[[], Any], chunks: int, rounds: int) -> None:
    """Print one row: the time of `slow` over that of `fast`."""
    for play in (slow, fast):
        seconds(play, max(3, rounds // 5))
    ratios, times = [], []
    for _ in range(chunks):
        slow_time = seconds(slow, rounds)
        times.append(seconds(fast, rounds))
        ratios.append(slow_time / times[-1])
    low, middle, high = statistics.quantiles(ratios, n=4)
    short = "" if middle >= least else "short: "
    print(
        f"| {what} | ≥ {least:g}× | {short}**{middle:.2f}×** ({low:.2f} – {high:.2f}) | {1e3 * statistics.median(times):.2f} ms |",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    chunks = 5 if "--quick" in sys.argv else 15
    print(f"{processor()}, {os.cpu_count()} cores, one thread; Python {platform.python_version()}, torch {torch.__version__}\n")
    print("| what | wanted | measured: median (quartiles) | our turn |\n|---|---|---|---|", flush=True)
    for compiled in (False, True):
        how = "compiled" if compiled else "uncompiled"
        settings = {"compile": compiled, "batch": 64}
        joint, explicit = turns(settings), turns({**settings, "jointly": False})
        row(f"moons, batch 64 + 64, {how}, against explicit losses", 1.25, explicit, joint, chunks, 100)
        row(f"moons, batch 64 + 64, {how}, against one after the other", 1.25, one_after_the_other(settings), joint, chunks, 100)
        row(f"moons, batch 64 + 64, {how}, against the loop by hand", 1.1, moons_dann().__next__, joint, chunks, 100)
    root = os.environ.get("ARENA_DATA")
    if not (root and all((Path(root) / f"{name}.npz").is_file() for name in ("mnist", "usps"))):
        print("| MNIST → USPS | ≥ 1.3× | not measured: ARENA_DATA names no folder with mnist.npz and usps.npz | |")
        return
    for last in (False, True):
        how = "channels last" if last else "as torch lays it out"
        settings = {**LENET, "channels_last": last}
        joint, explicit = turns(settings), turns({**settings, "jointly": False})
        row(f"MNIST → USPS, LeNet, 64 + 64, {how}, against explicit losses", 1.25, explicit, joint, chunks, 3)
        row(f"MNIST → USPS, LeNet, 64 + 64, {how}, against one after the other", 1.25, one_after_the_other(settings), joint, chunks, 3)
        row(f"MNIST → USPS, LeNet, 64 + 64, {how}, against the DataLoader loop", 1.3, dann(root).__next__, joint, chunks, 3)


if __name__ == "__main__":
    show_help(__doc__)
    main()
