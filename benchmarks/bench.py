"""Time the arena against hand-written loops, and print the table as Markdown.

Both sides play the same game with nets of the same sizes, batch and threads, one discriminator move per generator move. They are timed
alternately, chunk by chunk, in one process, so that other load affects both. A row gives the median and the quartiles of the chunks'
ratios: hand-written time over the arena's, so that above 1 the arena is faster.

    python -m benchmarks.bench            # everything, about five minutes
    python -m benchmarks.bench --quick    # fewer chunks, as a smoke test
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from arena.config import configure
from arena.runs.display import Silent
from arena.runs.run import Run
from benchmarks import processor, show_help
from benchmarks.loops import convolutional_gan, fast_adversarial, image_gan, planar_gan

ROUNDS = 50
"""Rounds per chunk."""

FEW_ROUNDS = 4
"""Rounds per chunk if a round takes half a second."""


def arena_rounds(game: str, folder: Path, *, traced: bool = True, **settings: Any) -> Iterator[None]:
    """Yield after each round of the arena, one turn per player, with or without the trace and TensorBoard events of a real run."""
    off = {"score.every": 0, "picture.every": 0, "checkpoint.every": 0}
    tracing: dict[str, Any] = {} if traced else {"trace.every": 10**9, "trace.tensorboard": False}
    config = configure(game, {"turns": 10**9, **off, **tracing, **settings})
    folder.mkdir(parents=True)
    run = Run(config, config.build(), folder, Silent())
    run.open()
    turns = run.turns()
    while True:
        next(turns)
        next(turns)
        if not traced and run.arena.turns_played % 100 == 0:
            run.arena.read_signals()  # as in any run, to detect divergence
        yield


def chunk(rounds: Iterator[None], count: int = ROUNDS) -> float:
    """Return the seconds of a chunk."""
    began = time.perf_counter()
    for _ in range(count):
        next(rounds)
    return time.perf_counter() - began


def ratios(first: Iterator[None], second: Iterator[None], chunks: int, count: int = ROUNDS) -> list[float]:
    """Return the time of `first` over that of `second`, chunk by chunk, after two chunks of warm-up."""
    for rounds in (first, second, first, second):
        chunk(rounds, count)
    values = []
    for i in range(chunks):
        if i % 2:  # the second may benefit from a warmer cache
            b, a = chunk(second, count), chunk(first, count)
        else:
            a, b = chunk(first, count), chunk(second, count)
        values.append(a / b)
    return values


def row(what: str, wanted: str, measured: list[float], show: Callable[[float], str], good: Callable[[float], bool]) -> str:
    low, middle, high = statistics.quantiles(measured, n=4) if len(measured) > 1 else measured * 3
    spread = f" ({show(low)} – {show(high)})" if len(measured) > 1 else ""
    return f"| {what} | {wanted} | {'' if good(middle) else 'short: '}**{show(middle)}**{spread} |"


def ratio_row(what: str, least: float, measured: list[float]) -> str:
    return row(what, f"≥ {least:.1f}×", measured, lambda r: f"{r:.2f}×", lambda r: r >= least)


def seconds(*words: str, **environment: str) -> float:
    """Return the wall-clock seconds of an `arena` command."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, **environment}
        subprocess.run([sys.executable, "-m", "arena.cli", *words], check=True, capture_output=True, cwd=folder, env=environ)
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    quick = "--quick" in sys.argv
    chunks, few = (4, 2) if quick else (60, 20)
    torch.set_num_threads(1)
    print(f"{processor()}, {os.cpu_count()} cores, one thread; Python {platform.python_version()}, torch {torch.__version__}\n")
    print("| what | wanted | measured: median (quartiles) |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for batch, least in ((64, 1.3), (256, 1.1)):
            ours = arena_rounds("swiss-roll", folder / f"roll-{batch}", batch=batch)
            what = f"swiss roll 2-128-128-2, batch {batch}, trace on, against the loop by hand"
            print(ratio_row(what, least, ratios(planar_gan(batch), ours, chunks)), flush=True)
        root = os.environ.get("ARENA_DATA")
        if root and (Path(root) / "MNIST" / "raw").is_dir():
            extracted = _extracted(Path(root), folder)
            ours = arena_rounds("mnist", folder / "mnist")
            what = "fully connected MNIST GAN, batch 100, trace on, against the DataLoader loop"
            print(ratio_row(what, 2.0, ratios(image_gan(extracted), ours, few)), flush=True)
            ours = arena_rounds("mnist-conv", folder / "mnist-conv")
            what = "convolutional MNIST GAN, batch 128, trace on, against the DataLoader loop"
            print(ratio_row(what, 1.2, ratios(convolutional_gan(extracted), ours, few, FEW_ROUNDS)), flush=True)
            for on_device, loop in ((False, "the published DataLoader loop"), (True, "the same on a tensor of all images")):
                ours = arena_rounds("attack", folder / f"attack-{on_device}", data="mnist")
                what = f"adversarial training on MNIST, batch 100, trace on, against {loop}"
                print(ratio_row(what, 1.0, ratios(fast_adversarial(extracted, on_device=on_device), ours, few, FEW_ROUNDS)), flush=True)
        else:
            missing = (("fully connected MNIST GAN", 2.0), ("convolutional MNIST GAN", 1.2), ("adversarial training on MNIST", 1.0))
            for what, least in missing:
                print(f"| {what} | ≥ {least}× | not measured: ARENA_DATA names no folder with MNIST/raw |", flush=True)
        traced = arena_rounds("swiss-roll", folder / "traced", batch=64)
        bare = arena_rounds("swiss-roll", folder / "bare", traced=False, batch=64)
        cost = [r - 1 for r in ratios(traced, bare, 4 * chunks)]
        print(row("cost of the trace, swiss roll, batch 64", "≤ 3 %", cost, lambda c: f"{100 * c:.1f} %", lambda c: c <= 0.03), flush=True)
    starts = [seconds("--help") for _ in range(3 if quick else 10)]
    print(row("`arena --help`", "< 1 s", starts, lambda s: f"{s:.2f} s", lambda s: s < 1), flush=True)
    if not quick:
        demo = [seconds("play", "swiss-roll")]
        print(row("`arena play swiss-roll`, what `make demo` runs", "< 60 s", demo, lambda s: f"{s:.0f} s", lambda s: s < 60))


def _extracted(root: Path, folder: Path) -> str:
    """Return a copy of MNIST's published files that torchvision can extract."""
    import shutil

    from torchvision.datasets import MNIST

    shutil.copytree(root / "MNIST", folder / "MNIST")
    MNIST(str(folder), download=True)
    return str(folder)


if __name__ == "__main__":
    show_help(__doc__)
    main()
