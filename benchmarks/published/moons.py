"""Two moons against moons rotated by 35°, the toy problem of domain adaptation, over seeds.

    python -m benchmarks.published.moons            # ten seeds of three regimes of DANN, half a minute
    python -m benchmarks.published.moons --generate # Generate-to-Adapt with its ablation, some minutes
    python -m benchmarks.published.moons --quick    # two seeds of a few turns, for tests

Y. Ganin et al., arXiv:1505.07818, section 5.1.1 and figure 2, show it without numbers. Scores are those of the last weights on 1,000
target points.
"""

import platform
import statistics
import sys
from collections.abc import Mapping, Sequence

import torch

from arena.config import configure
from arena.engine.vector_env import Population
from arena.games.adaptation.dann import DANN
from arena.games.adaptation.generate_to_adapt import GenerateToAdapt
from benchmarks import processor, show_help


def accuracies(game: str, regime: str, seeds: int, turns: int | None = None) -> list[float]:
    """Return the target accuracy of each seed in percent; the seeds are one population."""
    base = configure(game, {"regime": regime, **({} if turns is None else {"turns": turns})})
    members = Population([base.vary({"seed": seed}) for seed in range(seeds)], check_equivalence=False)
    members.reset()
    for _ in range(base.run.turns):
        members.play_scheduled_turn()
    members.read_signals()
    if members.signals.divergence:
        raise SystemExit(str(members.signals.divergence))
    return (100 * (1 - members.measure_scores())).tolist()


def spread(numbers: Sequence[float]) -> str:
    """Format mean ± SD."""
    mean = statistics.mean(numbers)
    return f"{mean:.1f} ± {statistics.stdev(numbers):.1f}" if len(numbers) > 1 else f"{mean:.1f}"


def gain(means: Mapping[str, float], regime: str) -> str:
    """Format the gain of a regime over source-only training."""
    if regime == "source-only" or "source-only" not in means:
        return "–"
    difference = means[regime] - means["source-only"]
    return f"{difference:+.1f}" + (" (worse than source-only)" if difference < 0 else "")


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    game, regimes = ("generate-to-adapt", GenerateToAdapt.regimes) if "--generate" in sys.argv else ("dann", DANN.regimes)
    seeds, turns = (2, 20) if "--quick" in sys.argv else (10, None)
    print(f"{processor()}, one thread; Python {platform.python_version()}, torch {torch.__version__}")
    print(f"seeds 0 to {seeds - 1}, {turns or configure(game).run.turns:,} turns of {game}; last weights, 1,000 target points\n")
    print("| moons → rotated moons | target accuracy %, mean ± SD | lowest | highest | gain |\n|---|---|---|---|---|", flush=True)
    means: dict[str, float] = {}
    for regime in regimes:
        values = accuracies(game, regime, seeds, turns)
        means[regime] = statistics.mean(values)
        print(f"| {regime} | {spread(values)} | {min(values):.1f} | {max(values):.1f} | {gain(means, regime)} |", flush=True)


if __name__ == "__main__":
    show_help(__doc__)
    main()
