"""Plays a game over several seeds and prints the spread of its score, beside what real data would score.

python -m benchmarks.seeds swiss-roll 8
"""

import multiprocessing
import os
import statistics
import sys
import tempfile
from pathlib import Path

import arena


def final_score(job: tuple[str, int]) -> tuple[int, str, float, float]:
    """Seed, status, last score and ceiling of one run with the game's own recipe."""
    game, seed = job
    with tempfile.TemporaryDirectory() as folder:
        quiet = {"seed": seed, "picture.every": 0, "trace.tensorboard": False}
        result = arena.play(game, out=Path(folder) / "run", display=False, **quiet)
    return seed, result.status, result.score or float("nan"), result.ceiling or float("nan")


def main() -> None:
    """Print a row per seed and the summary."""
    game, seeds = sys.argv[1], int(sys.argv[2])
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        rows = sorted(pool.imap_unordered(final_score, [(game, seed) for seed in range(seeds)]))
    for seed, status, score, ceiling in rows:
        print(f"seed {seed}  {status}  score {score:.4f}  {score / ceiling:.2f} × the real data's {ceiling:.4f}")
    ratios = [score / ceiling for _, _, score, ceiling in rows]
    print(
        f"{game}, {seeds} seeds: {statistics.mean(ratios):.2f} ± {statistics.stdev(ratios):.2f} × the real data's score "
        f"(mean ± SD; {min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
