"""Shared code of the domain-adaptation commands: train, score the last weights on the target's test set, print rows and a summary."""

import argparse
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from arena import plots
from arena.config import configure
from arena.games.adaptation.table import published
from benchmarks import processor
from benchmarks.published.moons import gain, spread

EXTRACTOR_ALONE: dict[str, Any] = {
    "scheduler": "warm-up",
    "scheduler.first": 1.0,
    "scheduler.second": 0.0,
    "scheduler.coupled": False,
    "scheduler.ratio": 0,
}
"""A warm-up in which the extractor is trained alone, on the source."""


def measure(game: str, settings: Mapping[str, Any], seed: int, pictures: Path | None = None, looks: int = 0) -> tuple[float, float, float]:
    """Return target accuracy in percent, target cross-entropy, and seconds of training.

    Args:
        game: Id of the game.
        settings: Settings of the run.
        seed: Seed of the run.
        pictures: Folder for the game's final pictures.
        looks: Turns between progress reports of the target accuracy, which select nothing; 0 for none.
    """
    arena = configure(game, {**settings, "seed": seed, "score.every": 0}).build()
    arena.reset(seed=seed)
    began = time.perf_counter()
    while arena.turns_played < arena.turns:
        arena.play_scheduled_turn()
        if arena.turns_played % 500 == 0:
            arena.read_signals()  # as in any run, to detect divergence
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


def options(command: str, regimes: Sequence[str], seeds: int = 1) -> argparse.ArgumentParser:
    """Return the parser of the options that all commands share.

    Args:
        command: Name of the command in this folder.
        regimes: Regimes to choose from; all by default.
        seeds: Default number of seeds.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.published.{command}")
    parser.add_argument("--seeds", type=int, default=seeds, help="number of seeds, from 0")
    parser.add_argument("--turns", type=int, help="turns of each run")
    parser.add_argument("--batch", type=int, help="examples of each domain in a turn")
    parser.add_argument("--regimes", nargs="+", default=list(regimes), choices=regimes)
    parser.add_argument("--plain", action="store_true", help="DANN as published, without batch norm")
    parser.add_argument("--autocast", action="store_true", help="losses in bfloat16, two to three times as fast on a CPU with AMX")
    parser.add_argument("--pictures", type=Path, help="folder for the pictures of each run")
    parser.add_argument("--looks", type=int, default=0, help="turns between progress reports of the target accuracy; 0 for none")
    parser.add_argument("--quick", action="store_true", help="a small run, for tests")
    return parser


def with_options(recipe: Mapping[str, Any], chosen: argparse.Namespace) -> dict[str, Any]:
    """Return a recipe updated by the command's options, with TF32 if there is a GPU."""
    sizes = {name: value for name in ("turns", "batch") if (value := getattr(chosen, name))}
    autocast = {"autocast": "bfloat16"} if chosen.autocast else {}
    return {**recipe, **sizes, **autocast, "tf32": torch.cuda.is_available()}


def heading(recipe: Mapping[str, Any], how: str) -> None:
    """Print the machine and the set-up."""
    device = configure("dann", {}).flat()["device"]
    where = torch.cuda.get_device_name() if device.startswith("cuda") else f"{processor()}, one thread"
    print(f"{where}; Python {platform.python_version()}, torch {torch.__version__}")
    cast = ", losses in bfloat16" if recipe.get("autocast", "none") != "none" else ""
    print(f"{recipe['turns']:,} turns of {recipe['batch']} + {recipe['batch']}; {how}{cast}; last weights\n", flush=True)


def table(
    game: str,
    ways: Sequence[tuple[str, str]],
    recipe: Mapping[str, Any],
    regimes: Sequence[str],
    chosen: argparse.Namespace,
) -> None:
    """Print a row per run, then a row per regime: mean over the seeds, published number, gain over source-only.

    Args:
        game: Id of the game.
        ways: Source and target of each pair.
        recipe: Settings of every run.
        regimes: Regimes of the game; those in `chosen.regimes` are trained.
        chosen: Parsed options.
    """
    print("| source → target | regime | seed | target accuracy % | cross-entropy | training |\n|---|---|---|---|---|---|", flush=True)
    summary = []
    for source, target in ways:
        means: dict[str, float] = {}
        for regime in (regime for regime in regimes if regime in chosen.regimes):
            measured = []
            for seed in range(chosen.seeds):
                settings = {**recipe, "source": source, "target": target, "regime": regime}
                measured.append(measure(game, settings, seed, chosen.pictures, chosen.looks))
                accuracy, loss, seconds = measured[-1]
                print(f"| {source} → {target} | {regime} | {seed} | {accuracy:.1f} | {loss:.2f} | {seconds:.0f} s |", flush=True)
            accuracies = [accuracy for accuracy, _, _ in measured]
            means[regime] = sum(accuracies) / len(accuracies)
            reported = published(source, target, regime, game)
            summary.append(f"| {source} → {target} | {regime} | {spread(accuracies)} | {reported} | {gain(means, regime)} |")
    print("\n| source → target | regime | target accuracy % | published | gain |\n|---|---|---|---|---|")
    print("\n".join(summary), flush=True)
