"""Inter-twinned moons against moons turned by 35°: the toy of domain adaptation, over seeds.

    python -m benchmarks.published.moons            # ten seeds of three regimes of DANN, half a minute
    python -m benchmarks.published.moons --generate # Generate-to-Adapt with its ablation, some minutes
    python -m benchmarks.published.moons --quick    # two seeds of a few turns, for tests

Y. Ganin et al., arXiv:1505.07818, section 5.1.1 and figure 2, show it without numbers. The last weights are scored on 1,000 target points.
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
from benchmarks.bench import _processor


def accuracies(game: str, regime: str, seeds: int, turns: int | None = None) -> list[float]:
    """Target accuracy in percent of each seed, all trained as one population."""
    base = configure(game, {"regime": regime, **({} if turns is None else {"turns": turns})})
    members = Population([base.vary({"seed": seed}) for seed in range(seeds)], prove=False)
    members.reset()
    for _ in range(base.run.turns):
        members.play_scheduled_turn()
    members.read_signals()
    if members.signals.divergence:
        raise SystemExit(str(members.signals.divergence))
    return (100 * (1 - members.measure_scores())).tolist()


def spread(numbers: Sequence[float]) -> str:
    """Mean ± SD."""
    mean = statistics.mean(numbers)
    return f"{mean:.1f} ± {statistics.stdev(numbers):.1f}" if len(numbers) > 1 else f"{mean:.1f}"


def gain(means: Mapping[str, float], regime: str) -> str:
    """How a regime compares with source-only training."""
    if regime == "source-only" or "source-only" not in means:
        return "–"
    more = means[regime] - means["source-only"]
    return f"{more:+.1f}" + (" (worse than source-only)" if more < 0 else "")


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    game, regimes = ("generate-to-adapt", GenerateToAdapt.regimes) if "--generate" in sys.argv else ("dann", DANN.regimes)
    seeds, turns = (2, 20) if "--quick" in sys.argv else (10, None)
    print(f"{_processor()}, one thread; Python {platform.python_version()}, torch {torch.__version__}")
    print(f"seeds 0 to {seeds - 1}, {turns or configure(game).run.turns:,} turns of {game}; last weights, 1,000 target points\n")
    print("| moons → rotated moons | target accuracy %, mean ± SD | lowest | highest | gain |\n|---|---|---|---|---|", flush=True)
    means: dict[str, float] = {}
    for regime in regimes:
        found = accuracies(game, regime, seeds, turns)
        means[regime] = statistics.mean(found)
        print(f"| {regime} | {spread(found)} | {min(found):.1f} | {max(found):.1f} | {gain(means, regime)} |", flush=True)


if __name__ == "__main__":
    main()
