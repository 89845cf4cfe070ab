"""SVHN → MNIST by DANN and by Generate-to-Adapt, in a SMALL PROTOCOL, with the ablation.

The source is the first 10,000 digits of SVHN's published test set (7,999 of them to train on), the target MNIST with its 60,000 + 10,000.
Published numbers are of SVHN's 73,257 training digits and stand beside only where `--full` takes those: the small protocol is another task.

    DANN: six 3×3 convolutions (32, 32, pool, 64, 64, pool, 128, 128, pool), fc 128; labels fc 10; domain 500-500-1, leaky ReLU .2.
    Two forms. The default: batch norm with statistics for each domain, Adam 1e-3 (.5, .999), falling linearly; 64 + 64, 3,000 turns, the
    first twentieth on the source alone. Plain: no batch norm, N(0, .02) in the domain net, Adam 1e-4, weight decay 1e-5; 128 + 128; 50
    epochs on the source alone, 200 of DANN: 15,500 turns of 7,999 digits.
    Generate-to-Adapt: the published nets; Adam 5e-4, β1 .8; 100 + 100; lr/(1 + 10⁻⁴ turn); 24,000 turns. (As published but for the rate of
    the generator, which decays with that of the other parts of its player; and all parts move at once.)

    python -m benchmarks.published.svhn_mnist                       # both methods, all regimes, three seeds: a job for a GPU
    python -m benchmarks.published.svhn_mnist --methods dann --autocast      # half an hour a seed on one core that multiplies bfloat16
    python -m benchmarks.published.svhn_mnist --methods dann --plain
    python -m benchmarks.published.svhn_mnist --methods generate-to-adapt --batch 32 --turns 10000 --seeds 1 --autocast   # an hour a regime
    python -m benchmarks.published.svhn_mnist --full                # SVHN's whole training set, which torchvision downloads
    python -m benchmarks.published.svhn_mnist --quick               # a few turns of scikit-learn's digits, small nets: to see that it works

The last weights are scored on MNIST's test set; no target label is used before (but in the regime target-only).
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from benchmarks.published.regimes import heading, table
from games.dann import DANN
from games.generate_to_adapt import GenerateToAdapt

EPOCH = {"svhn-10k": 7999 // 128, "svhn": 73_257 // 128}
"""Turns of 128 source digits that make an epoch."""
GAMES: dict[str, Any] = {"dann": DANN, "generate-to-adapt": GenerateToAdapt}


def dann(source: str, plain: bool = False) -> dict[str, Any]:
    """The six-convolution net under DANN: with batch norm, or plain as published."""
    if plain:
        adam = {"lr": 1e-4, "betas": (0.5, 0.999), "weight_decay": 1e-5, "schedule": "constant"}
        form = {"domain.spread": 0.02, "batch": 128, "turns": 250 * EPOCH.get(source, EPOCH["svhn-10k"]), "scheduler.fraction": 0.2}
    else:
        adam = {"lr": 1e-3, "betas": (0.5, 0.999), "schedule": "linear"}
        form = {"extractor.normed": True, "bn_mode": "per_domain", "batch": 64, "turns": 3000, "scheduler.fraction": 0.05}
    return {
        "extractor": "six-convs",
        "domain": "domain-net",
        "domain.hidden": (500, 500),
        "domain.dropout": 0.0,
        "domain.leak": 0.2,
        "form": "32x32x3",
        "channels_last": True,
        "coupling": "dann-ramp",
        "scheduler": "warm-up",  # the extractor alone, on the source
        "scheduler.first": 1.0,
        "scheduler.second": 0.0,
        "scheduler.coupled": False,
        "scheduler.ratio": 0,
        **form,
        **{f"{role}.{name}": value for role in ("extractor", "domain") for name, value in adam.items()},
    }


def generate_to_adapt(turns: int) -> dict[str, Any]:
    """The published nets of Generate-to-Adapt."""
    adam = {"lr": 5e-4, "betas": (0.8, 0.999), "schedule": "inverse-decay", "schedule.alpha": 1e-4 * turns, "schedule.beta": 1.0}
    return {
        "adapter": "conv-adapter",
        "discriminator": "conv-two-heads",
        "latent": 512,
        "form": "32x32x3",
        "batch": 100,
        "turns": turns,
        "channels_last": True,
        **{f"{role}.{name}": value for role in ("adapter", "discriminator") for name, value in adam.items()},
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.svhn_mnist")
    parser.add_argument("--methods", nargs="+", default=list(GAMES), choices=list(GAMES))
    parser.add_argument("--regimes", nargs="+", default=list(GenerateToAdapt.regimes), choices=GenerateToAdapt.regimes)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--turns", type=int, help="turns of each run")
    parser.add_argument("--batch", type=int, help="examples of each domain in a turn")
    parser.add_argument("--plain", action="store_true", help="DANN as published: no batch norm")
    parser.add_argument("--pictures", type=Path, help="folder for the pictures of each run")
    parser.add_argument("--looks", type=int, default=0, help="turns after which the target's accuracy is told on the way; 0 never tells it")
    parser.add_argument("--autocast", action="store_true", help="losses in bfloat16: two to three times as fast on a CPU with AMX")
    parser.add_argument("--full", action="store_true", help="SVHN's published training set as the source")
    parser.add_argument("--quick", action="store_true", help="a small form, for tests")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    source = "svhn" if chosen.full else "svhn-10k"
    ways = [("digits", "shaded-digits")] if chosen.quick else [(source, "mnist")]
    if not chosen.full:
        print("SMALL PROTOCOL: 7,999 source digits, so that published numbers do not compare.")
    for method in chosen.methods:
        recipe = dann(source, chosen.plain) if method == "dann" else generate_to_adapt(chosen.turns or 24_000)
        recipe |= {name: value for name, value in (("turns", chosen.turns), ("batch", chosen.batch)) if value}
        recipe |= {"tf32": True} if torch.cuda.is_available() else {}
        recipe |= {"autocast": "bfloat16"} if chosen.autocast else {}
        seeds = chosen.seeds
        if chosen.quick:
            small = {"latent": 8, "form": "8x8x1", "adapter": "adapter", "discriminator": "mlp"} if method != "dann" else {}
            recipe, seeds = {**recipe, **small, "turns": 2, "batch": 4}, 1
        print(f"\n## {method}")
        heading(recipe, "Adam, losses in bfloat16" if chosen.autocast else "Adam")
        table(
            method,
            ways,
            recipe,
            [regime for regime in GAMES[method].regimes if regime in chosen.regimes],
            seeds,
            chosen.pictures,
            chosen.looks,
        )


if __name__ == "__main__":
    main()
