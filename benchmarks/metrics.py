"""Measure the cost of metrics, ceilings included, as a share of a run with the game's recipe. The aim is less than 5 %.

Turns, scores and metrics are timed alternately, so that other load affects all of them, and multiplied by their numbers in the recipe.
Training the judge of an image data set is not counted.

    python -m benchmarks.metrics swiss-roll ring digits mnist
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch

import arena.games  # noqa: F401 (registers the games)
from arena.config import configure
from benchmarks import show_help

ROUNDS, TURNS = 7, 200


def cost(name: str) -> str:
    """Return a row of the table."""
    config = configure(name)
    arena = config.build()
    arena.reset()
    arena.measure_metrics()
    arena.metric_ceilings()

    def play() -> None:
        for _ in range(TURNS):
            arena.play_scheduled_turn()

    actions: dict[str, Callable[[], object]] = {
        "turns": play,
        "score": arena.measure_score,
        "metrics": arena.measure_metrics,
        "ceilings": arena.metric_ceilings,
    }
    times: dict[str, list[float]] = {action: [] for action in actions}
    for _ in range(ROUNDS):
        for action, do in actions.items():
            began = time.perf_counter()
            do()
            times[action].append(time.perf_counter() - began)
    seconds = {action: statistics.median(values) for action, values in times.items()}
    turns = config.run.turns
    counts = {action: 1 + turns // config.group(action).every for action in ("score", "metrics")}
    rest = seconds["turns"] / TURNS * turns + counts["score"] * seconds["score"]
    extra = counts["metrics"] * seconds["metrics"] + seconds["ceilings"]
    run = f"{turns:,} turns and {counts['score']} scores in {rest:.1f} s"
    return (
        f"| {name} | {run} | {counts['metrics']} × {1000 * seconds['metrics']:.0f} ms "
        f"| {1000 * seconds['ceilings']:.0f} ms | {100 * extra / (rest + extra):.1f} % |"
    )


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("| game | a run without metrics | metrics | ceilings | share of the run's time |\n|---|---|---|---|---|")
    for name in sys.argv[1:] or ["swiss-roll", "ring", "digits", "mnist"]:
        print(cost(name), flush=True)


if __name__ == "__main__":
    show_help(__doc__)
    main()
