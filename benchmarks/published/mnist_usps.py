"""MNIST ↔ USPS by DANN with the small LeNet, against published numbers.

    Nets: conv5 20, pool, ReLU; conv5 50, Dropout2d .5, pool, ReLU; fc 500, ReLU, dropout; fc 10. Domain: 500-500-500-1, dropout.
    28×28 grey in [−½, ½]; SGD .01, momentum .9, weight decay 5e-4, lr·(1 + 10p)^−.75; 64 + 64; a first part on the source alone; λ(p).
    (M. Long et al., "Conditional Adversarial Domain Adaptation", arXiv:1705.10667, its code; Y. Ganin et al., arXiv:1505.07818.)

    python -m benchmarks.published.mnist_usps                     # both ways, three regimes, one seed: about 40 minutes on one core
    python -m benchmarks.published.mnist_usps --seeds 3           # over seeds
    python -m benchmarks.published.mnist_usps --way usps mnist --regimes source-only adapt --turns 10000
    python -m benchmarks.published.mnist_usps --normed            # batch norm, separate statistics, Adam 1e-3
    python -m benchmarks.published.mnist_usps --quick             # a few turns of scikit-learn's digits: to see that it works

The last weights are scored on the target's whole test set; no target label is used before.
"""

import argparse
import platform
import time
from typing import Any

import torch

from arena.config import configure
from benchmarks.bench import _processor
from benchmarks.published.moons import gain, spread
from games.adaptation_table import published
from games.dann import DANN

SGD = {"optimizer": "sgd", "lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "inverse-decay"}
RECIPE: dict[str, Any] = {
    "extractor": "lenet",
    "domain": "domain-net",
    "batch": 64,
    "turns": 5000,
    "channels_last": True,
    "coupling": "dann-ramp",
    "scheduler": "warm-up",  # the extractor alone, on the source
    "scheduler.fraction": 0.05,
    "scheduler.first": 1.0,
    "scheduler.second": 0.0,
    "scheduler.coupled": False,
    "scheduler.ratio": 0,
    **{f"{role}.{name}": value for role in ("extractor", "domain") for name, value in SGD.items()},
}
NORMED: dict[str, Any] = {
    **{name: value for name, value in RECIPE.items() if not any(name.endswith(f".{own}") for own in SGD)},
    "bn_mode": "separate",
    "extractor.normed": True,
    "extractor.lr": 1e-3,
    "domain.lr": 1e-3,
}
WAYS = [("mnist", "usps"), ("usps", "mnist")]


def measure(settings: dict[str, Any], seed: int) -> tuple[float, float, float]:
    """Target accuracy in percent, target cross-entropy, and seconds of training."""
    arena = configure("dann", {**settings, "seed": seed, "score.every": 0}).build()
    arena.reset(seed=seed)
    began = time.perf_counter()
    while arena.turns_played < arena.turns:
        arena.play_scheduled_turn()
        if arena.turns_played % 500 == 0:
            arena.read_signals()  # as any run must, to notice a divergence
    seconds = time.perf_counter() - began
    if arena.divergence is not None:
        raise SystemExit(str(arena.divergence))
    with torch.no_grad():
        logits, labels = arena.game.outputs(1)  # type: ignore[operator]
    return 100 * (1 - arena.measure_score()), float(torch.nn.functional.cross_entropy(logits, labels)), seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.mnist_usps")
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 0")
    parser.add_argument("--turns", type=int, default=RECIPE["turns"], help="turns of each run")
    parser.add_argument("--way", nargs=2, metavar=("SOURCE", "TARGET"), help="one pair only")
    parser.add_argument("--regimes", nargs="+", default=list(DANN.regimes), choices=DANN.regimes)
    parser.add_argument("--normed", action="store_true", help="batch norm with separate statistics, and Adam")
    parser.add_argument("--quick", action="store_true", help="a small form, for tests")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    recipe = {**(NORMED if chosen.normed else RECIPE), "turns": chosen.turns}
    ways = [tuple(chosen.way)] if chosen.way else WAYS
    if chosen.quick:
        ways, recipe = [("digits", "shaded-digits")], {**recipe, "form": "28x28x1", "turns": 20, "batch": 16}
    print(f"{_processor()}, one thread; Python {platform.python_version()}, torch {torch.__version__}")
    how = "batch norm, Adam" if chosen.normed else "SGD"
    print(f"{recipe['turns']:,} turns of {recipe['batch']} + {recipe['batch']}; {how}; last weights\n")
    print("| source → target | regime | seed | target accuracy % | cross-entropy | training |\n|---|---|---|---|---|---|", flush=True)
    summary = []
    for source, target in ways:
        means: dict[str, float] = {}
        for regime in chosen.regimes:
            found = []
            for seed in range(chosen.seeds):
                found.append(measure({**recipe, "source": source, "target": target, "regime": regime}, seed))
                one = found[-1]
                print(f"| {source} → {target} | {regime} | {seed} | {one[0]:.1f} | {one[1]:.2f} | {one[2]:.0f} s |", flush=True)
            accuracies = [accuracy for accuracy, _, _ in found]
            means[regime] = sum(accuracies) / len(accuracies)
            reported = published(source, target, regime, "dann")
            summary.append(f"| {source} → {target} | {regime} | {spread(accuracies)} | {reported} | {gain(means, regime)} |")
    print("\n| source → target | regime | target accuracy % | published | gain |\n|---|---|---|---|---|")
    print("\n".join(summary))


if __name__ == "__main__":
    main()
