"""Play a GAN over several seeds, and print its score as a multiple of the score of real data, for samples of growing size.

A score compares finite samples, so real data do not score 0, and the scores of small samples are mostly noise: a multiple near 1 means
less at the sample size of runs than at a larger one.

    python -m benchmarks.seeds swiss-roll 10
"""

import multiprocessing
import os
import statistics
import sys
import tempfile
from pathlib import Path

import torch

import arena
from arena.games.gan.base import GAN
from benchmarks import show_help

LARGER = (4, 16)
"""Additional sample sizes, as multiples of the game's own."""


def multiples(job: tuple[str, int]) -> tuple[int, str, dict[int, float]]:
    """Return seed, status, and score over ceiling by sample size, of one run with the game's recipe."""
    name, seed = job
    with tempfile.TemporaryDirectory() as folder:
        quiet = {"seed": seed, "picture.every": 0, "trace.tensorboard": False}
        result = arena.play(name, out=Path(folder) / "run", display=False, **quiet)
    assert result.arena is not None
    game, ratios = result.arena.game, {}
    assert isinstance(game, GAN)
    scored = game.scored
    for size in (scored, *(scored * factor for factor in LARGER)):
        game.scored = size  # type: ignore[misc]
        with torch.no_grad():
            ratios[size] = float(game.score()) / game.ceiling()
    return seed, result.status, ratios


def main() -> None:
    """Print a row per seed and a summary per sample size."""
    name, seeds = sys.argv[1], int(sys.argv[2])
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        rows = sorted(pool.imap_unordered(multiples, [(name, seed) for seed in range(seeds)]), key=lambda row: row[0])
    for seed, status, ratios in rows:
        print(f"seed {seed}  {status}  " + "  ".join(f"{size:,} points: {value:.2f}×" for size, value in ratios.items()))
    for size in rows[0][2]:
        values = [ratios[size] for _, _, ratios in rows]
        spread = f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f} (mean ± SD), {min(values):.2f} to {max(values):.2f}"
        print(f"{name}, {seeds} seeds, samples of {size:,}: score over the real data's {spread}")


if __name__ == "__main__":
    show_help(__doc__)
    main()
