"""What metrics cost: their share of the time of a run with the game's own recipe, ceilings included. It should stay under 5 %.

Turns, scores and metrics are timed by themselves, in turns so that a busy machine slows all of them alike, and added up as often as the
recipe has them. The judge of an image data set is trained before, once; that is not counted.

    python -m benchmarks.metrics swiss-roll ring digits mnist
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch

import arena.games  # noqa: F401 (makes the ids known)
from arena.config import configure

ROUNDS, TURNS = 7, 200


def cost(name: str) -> str:
    """A row of the table."""
    config = configure(name)
    arena = config.build()
    arena.reset()
    arena.measure_metrics()
    arena.metric_ceilings()

    def play() -> None:
        for _ in range(TURNS):
            arena.play_scheduled_turn()

    things: dict[str, Callable[[], object]] = {
        "turns": play,
        "score": arena.measure_score,
        "metrics": arena.measure_metrics,
        "ceilings": arena.metric_ceilings,
    }
    times: dict[str, list[float]] = {thing: [] for thing in things}
    for _ in range(ROUNDS):
        for thing, do in things.items():
            began = time.perf_counter()
            do()
            times[thing].append(time.perf_counter() - began)
    took = {thing: statistics.median(found) for thing, found in times.items()}
    turns = config.run.turns
    often = {thing: 1 + turns // config.group(thing).every for thing in ("score", "metrics")}
    rest = took["turns"] / TURNS * turns + often["score"] * took["score"]
    extra = often["metrics"] * took["metrics"] + took["ceilings"]
    run = f"{turns:,} turns in {rest:.1f} s, {often['score']} scores among it"
    return (
        f"| {name} | {run} | {often['metrics']} × {1000 * took['metrics']:.0f} ms "
        f"| {1000 * took['ceilings']:.0f} ms | {100 * extra / (rest + extra):.1f} % |"
    )


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print("| game | a run without metrics | metrics | ceilings | share of the run's time |\n|---|---|---|---|---|")
    for name in sys.argv[1:] or ["swiss-roll", "ring", "digits", "mnist"]:
        print(cost(name), flush=True)


if __name__ == "__main__":
    main()
