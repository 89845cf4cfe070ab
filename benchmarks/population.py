"""Time populations against the loop by hand, member after member, and print the tables as Markdown.

    python -m benchmarks.population                # the table, about six minutes
    python -m benchmarks.population --growth       # time over members and over batch, and memory per member; docs/growth.png
    python -m benchmarks.population --single       # one game, compiled and not, about three minutes

Both sides play the swiss roll with nets of the same sizes and batch, one discriminator move per generator move, on one thread, in one
process, alternately, chunk by chunk. Members have their own seeds, and thus their own batches, and their own learning rates. The time of
the loop by hand for all members is its time for one, times their number. The share of peak is the rate of matrix multiplications in a round
over that of two 512 × 512 matrices on this machine in the same minute.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from arena.config import configure
from arena.engine.vector_env import Population
from benchmarks import show_help
from benchmarks.loops import planar_gan

SIZES = ((16, 32, 25.0), (32, 64, 10.0), (64, 64, 4.5), (128, 256, 1.5))
"""Width of both nets' two hidden layers, batch, and the wanted ratio at 64 members."""


def population(width: int, batch: int, members: int, *, compiled: bool = False) -> Population:
    """Return a population of the swiss roll whose members have their own seeds and learning rates."""
    nets = {"generator.hidden": (width, width), "discriminator.hidden": (width, width)}
    base = configure("swiss-roll", {**nets, "batch": batch, "turns": 10**6, "compile": compiled})
    rates = [1e-3 * (1 + k / members) for k in range(members)]
    changes = [{"seed": k, "generator.lr": rate, "discriminator.lr": rate} for k, rate in enumerate(rates)]
    playing = Population([base.vary(settings) for settings in changes])
    playing.reset()
    return playing


def seconds(play: Callable[[], Any], rounds: int) -> float:
    """Return the seconds per round."""
    began = time.perf_counter()
    for _ in range(rounds):
        play()
    return (time.perf_counter() - began) / rounds


def both_turns(playing: Any) -> Callable[[], None]:
    """Return a function that plays one round, a turn of each player, and reads signals every hundred turns, to detect divergence."""

    def play() -> None:
        playing.play_scheduled_turn()
        playing.play_scheduled_turn()
        played.append(1)
        if len(played) % 50 == 0:
            playing.read_signals()

    played: list[int] = []
    return play


def peak() -> float:
    """Return the multiplications and additions per second of two 512 × 512 matrices."""
    a, b = torch.randn(512, 512), torch.randn(512, 512)
    seconds(lambda: a @ b, 20)
    return 2 * 512**3 / min(seconds(lambda: a @ b, 20) for _ in range(5))


def operations(playing: Population) -> int:
    """Return the multiplications and additions of matrices in a round."""
    with FlopCounterMode(display=False) as counter:
        playing.play_scheduled_turn()
        playing.play_scheduled_turn()
    return counter.get_total_flops()


def measure(width: int, batch: int, members: int, chunks: int, *, compiled: bool) -> tuple[list[float], float, float, float]:
    """Return the ratios by chunk, member-rounds per second, the share of peak, and the seconds of each player's first two turns."""
    flops = operations(population(width, batch, 2)) / 2
    playing = population(width, batch, members, compiled=compiled)
    ours, hand = both_turns(playing), planar_gan(batch, width)
    cold = 2 * seconds(ours, 2)
    if playing.field.compiled is not None and playing.field.compiled.why_not:
        raise SystemExit(playing.field.compiled.why_not)
    rounds = max(2, int(0.4 / seconds(ours, 2)))
    seconds(hand.__next__, 50)
    ratios, rates, shares = [], [], []
    for _ in range(chunks):
        alone = seconds(hand.__next__, 200)
        together = seconds(ours, rounds)
        ratios.append(members * alone / together)
        rates.append(members / together)
        shares.append(members * flops / together / peak())
    return ratios, statistics.median(rates), statistics.median(shares), cold


def table(chunks: int, members: int = 64) -> None:
    print("| nets, batch | wanted | uncompiled | compiled | member-rounds/s | share of peak, uncompiled | compiled | compiling |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for width, batch, least in SIZES:
        plain, _, share, _ = measure(width, batch, members, chunks, compiled=False)
        fast, rate, fast_share, cold = measure(width, batch, members, chunks, compiled=True)
        short = "" if statistics.median(fast) >= least else "short: "
        row = [f"2-{width}-{width}, {batch}", f"≥ {least:g}×", ratio(plain), short + ratio(fast), f"{rate:,.0f}", f"{share:.0%}"]
        print(f"| {' | '.join([*row, f'{fast_share:.0%}', f'{cold:.0f} s'])} |", flush=True)


def ratio(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"**{middle:.1f}×** ({low:.1f} – {high:.1f})"


def single(chunks: int) -> None:
    """Time one game against the loop by hand, with and without compiled code."""
    print("| what | wanted | measured: median (quartiles) |\n|---|---|---|", flush=True)
    for compiled, least in ((False, 1.4), (True, 2.5)):
        arena = configure("swiss-roll", {"batch": 64, "turns": 10**6, "compile": compiled}).build()
        arena.reset(seed=0)
        ours, hand = both_turns(arena), planar_gan(64)
        seconds(ours, 50)
        seconds(hand.__next__, 50)
        ratios = []
        for _ in range(chunks):
            alone = seconds(hand.__next__, 100)
            ratios.append(alone / seconds(ours, 100))
        short = "" if statistics.median(ratios) >= least else "short: "
        low, middle, high = statistics.quantiles(ratios, n=4)
        what = f"swiss roll 2-128-128-2, batch 64, {'compiled' if compiled else 'uncompiled'}"
        print(f"| {what} | ≥ {least:g}× | {short}**{middle:.2f}×** ({low:.2f} – {high:.2f}) |", flush=True)
    root = os.environ.get("ARENA_DATA")
    if not (root and (Path(root) / "MNIST" / "raw").is_dir()):
        print("| fully connected MNIST GAN | ≥ 2.5× | not measured: ARENA_DATA names no folder with MNIST/raw |")
        return
    from benchmarks.bench import _extracted
    from benchmarks.loops import image_gan

    with tempfile.TemporaryDirectory() as folder:
        hand = image_gan(_extracted(Path(root), Path(folder)))
        for compiled in (False, True):
            arena = configure("mnist", {"turns": 10**6, "compile": compiled}).build()
            arena.reset(seed=0)
            ours = both_turns(arena)
            seconds(ours, 20)
            seconds(hand.__next__, 20)
            ratios = [seconds(hand.__next__, 50) / seconds(ours, 50) for _ in range(max(3, chunks // 2))]
            low, middle, high = statistics.quantiles(ratios, n=4)
            short = "" if middle >= 2.5 else "short: "
            what = f"fully connected MNIST GAN, batch 100, {'compiled' if compiled else 'uncompiled'}, against the DataLoader loop"
            print(f"| {what} | ≥ 2.5× | {short}**{middle:.2f}×** ({low:.2f} – {high:.2f}) |", flush=True)


def growth() -> None:
    """Measure the time of a round over members and over batch, and the members' memory; draw both into docs/growth.png."""
    from arena import plots
    from arena.engine.members.capacity import need

    width = 32
    by_members = [(k, _fastest(population(width, 64, k))) for k in (1, 4, 16, 64, 256, 1024)]
    by_batch = [(n, _fastest(population(width, n, 64))) for n in (16, 32, 64, 128, 256, 512)]
    figure, axes = plots.figure(8.6, 3.4, columns=2)
    for axis, rows, what in ((axes[0, 0], by_members, "members, batch 64"), (axes[0, 1], by_batch, "batch, 64 members")):
        axis.loglog([n for n, _ in rows], [1e3 * s for _, s in rows], "o-", color=plots.FIRST)
        last, slowest = rows[-1]
        axis.loglog([n for n, _ in rows], [1e3 * slowest * n / last for n, _ in rows], ":", color=plots.INK, linewidth=1)
        axis.set_xticks([n for n, _ in rows], [f"{n:,}" for n, _ in rows])
        axis.set_xticks([], minor=True)
        axis.set_xlabel(what)
        axis.set_ylabel("ms per round")
    axes[0, 0].annotate("linear", (4, 1e3 * by_members[-1][1] * 4 / 1024), textcoords="offset points", xytext=(6, -10), fontsize=8)
    plots.save(figure, Path("docs/growth.png"))
    print("| members | ms per round | ms per member and round |\n|---|---|---|")
    for k, s in by_members:
        print(f"| {k:,} | {1e3 * s:.1f} | {1e3 * s / k:.3f} |")
    print("\n| batch | ms per round of 64 members |\n|---|---|")
    for n, s in by_batch:
        print(f"| {n} | {1e3 * s:.1f} |")
    print("\n| members of 2-32-32, batch 64 | counted for each | resident memory grew by | grown for each, over counted |")
    print("|---|---|---|---|")
    for k in (256, 1024):
        grown, counted = _grown(width, 64, k), need(population(width, 64, 2))
        print(f"| {k:,} | {counted.bytes / 2**20:.2f} MiB each | {grown / 2**20:.0f} MiB | {grown / k / counted.bytes:.2f} |")


def _fastest(playing: Population) -> float:
    """Return the seconds per round: the least of five chunks, after rounds of warm-up."""
    play = both_turns(playing)
    seconds(play, 4)
    return min(seconds(play, 8) for _ in range(5))


def _grown(width: int, batch: int, members: int) -> float:
    """Return the bytes by which the peak memory of a fresh process grows from a population of one to one of these members."""
    import subprocess

    code = (
        "import pathlib, torch; torch.set_num_threads(1); from benchmarks.population import *; "
        f"p = population({width}, {batch}, {{}}); play = both_turns(p); [play() for _ in range(5)]; "
        # Not ru_maxrss: a child's begins with the memory of the process that started it.
        "print(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    sizes = [
        int(subprocess.run([sys.executable, "-c", code.format(k)], capture_output=True, check=True, text=True).stdout) for k in (1, members)
    ]
    return 1024 * (sizes[1] - sizes[0])


def main() -> None:
    """Print the requested table."""
    torch.set_num_threads(1)
    chunks = 3 if "--quick" in sys.argv else 15
    from benchmarks import processor

    print(f"{processor()}, {os.cpu_count()} cores, one thread; Python {platform.python_version()}, torch {torch.__version__}\n", flush=True)
    if "--growth" in sys.argv:
        growth()
    elif "--single" in sys.argv:
        single(chunks)
    else:
        table(chunks)


if __name__ == "__main__":
    show_help(__doc__)
    main()
