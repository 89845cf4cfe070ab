"""What the commands of domain adaptation share: train, score the last weights on the target's whole test set, print rows and a summary."""

import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from arena import plots
from arena.config import configure
from benchmarks.bench import _processor
from benchmarks.published.moons import gain, spread
from games.adaptation_table import published


def measure(game: str, settings: Mapping[str, Any], seed: int, pictures: Path | None = None, looks: int = 0) -> tuple[float, float, float]:
    """Target accuracy in percent, target cross-entropy, and seconds of training.

    Args:
        game: id of the game.
        settings: of the run.
        seed: of the run.
        pictures: folder that the game's last pictures go into.
        looks: turns after which the target's accuracy is told, on the way, to whoever waits; nothing is chosen by it.
    """
    arena = configure(game, {**settings, "seed": seed, "score.every": 0}).build()
    arena.reset(seed=seed)
    began = time.perf_counter()
    while arena.turns_played < arena.turns:
        arena.play_scheduled_turn()
        if arena.turns_played % 500 == 0:
            arena.read_signals()  # as any run must, to notice a divergence
        if looks and arena.turns_played % looks == 0:
            print(f"    turn {arena.turns_played:,}: {100 * (1 - arena.measure_score()):.1f} %", file=sys.stderr, flush=True)
    arena.read_signals()
    seconds = time.perf_counter() - began
    if arena.divergence is not None:
        raise SystemExit(str(arena.divergence))
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        for name, figure in plots.more_figures(arena, last=True):
            plots.save(figure, pictures / f"{settings['source']}-{settings['target']}-{settings['regime']}-{seed}-{name}.png")
    with torch.no_grad(), arena.on_device():
        logits, labels = arena.game.outputs(1)  # type: ignore[operator]
    return 100 * (1 - arena.measure_score()), float(torch.nn.functional.cross_entropy(logits, labels)), seconds


def heading(recipe: Mapping[str, Any], how: str) -> None:
    """On what, and with what, the rows were got."""
    device = configure("dann", {}).flat()["device"]
    where = torch.cuda.get_device_name() if device.startswith("cuda") else f"{_processor()}, one thread"
    print(f"{where}; Python {platform.python_version()}, torch {torch.__version__}")
    print(f"{recipe['turns']:,} turns of {recipe['batch']} + {recipe['batch']}; {how}; last weights\n", flush=True)


def table(
    game: str,
    ways: Sequence[tuple[str, str]],
    recipe: Mapping[str, Any],
    regimes: Sequence[str],
    seeds: int,
    pictures: Path | None = None,
    looks: int = 0,
) -> None:
    """A row for each run, and one for each regime with means over the seeds, published numbers and the gain over source-only."""
    print("| source → target | regime | seed | target accuracy % | cross-entropy | training |\n|---|---|---|---|---|---|", flush=True)
    summary = []
    for source, target in ways:
        means: dict[str, float] = {}
        for regime in regimes:
            found = []
            for seed in range(seeds):
                found.append(measure(game, {**recipe, "source": source, "target": target, "regime": regime}, seed, pictures, looks))
                one = found[-1]
                print(f"| {source} → {target} | {regime} | {seed} | {one[0]:.1f} | {one[1]:.2f} | {one[2]:.0f} s |", flush=True)
            accuracies = [accuracy for accuracy, _, _ in found]
            means[regime] = sum(accuracies) / len(accuracies)
            reported = published(source, target, regime, game)
            summary.append(f"| {source} → {target} | {regime} | {spread(accuracies)} | {reported} | {gain(means, regime)} |")
    print("\n| source → target | regime | target accuracy % | published | gain |\n|---|---|---|---|---|")
    print("\n".join(summary), flush=True)
