"""SVHN → MNIST by DANN and by Generate-to-Adapt, in a SMALL PROTOCOL, with the ablation.

The source is the first 10,000 digits of SVHN's published test set, 7,999 of them for training; the target is MNIST with its
60,000 + 10,000. Published numbers use SVHN's 73,257 training digits, as `--full` does; the small protocol is another task.

    DANN: six 3×3 convolutions (32, 32, pool, 64, 64, pool, 128, 128, pool), fc 128; labels fc 10; domain 500-500-1, leaky ReLU .2.
    Default: batch norm with statistics per domain, Adam 1e-3 (.5, .999), falling linearly; 64 + 64, 3,000 turns, the first twentieth on
    the source alone. Plain: no batch norm, N(0, .02) in the domain net, Adam 1e-4, weight decay 1e-5; 128 + 128; 50 epochs on the source
    alone, 200 of DANN: 15,500 turns for 7,999 digits.
    Generate-to-Adapt: the published nets; Adam 5e-4, β1 .8; 100 + 100; lr/(1 + 10⁻⁴ turn); 24,000 turns. (Unlike published, the
    generator's rate decays with that of its player's other parts, and all parts move at once.)

    python -m benchmarks.published.svhn_mnist                       # both methods, all regimes, three seeds: a job for a GPU
    python -m benchmarks.published.svhn_mnist --methods dann --autocast      # half an hour a seed on one core that multiplies bfloat16
    python -m benchmarks.published.svhn_mnist --methods dann --plain
    python -m benchmarks.published.svhn_mnist --methods generate-to-adapt --batch 32 --turns 10000 --seeds 1 --autocast   # an hour a regime
    python -m benchmarks.published.svhn_mnist --full                # SVHN's whole training set, which torchvision downloads
    python -m benchmarks.published.svhn_mnist --quick               # a few turns of scikit-learn's digits, small nets, as a smoke test

The last weights are scored on MNIST's test set; only the regime target-only trains with target labels.
"""

from typing import Any

import torch

from arena.core.game import for_roles
from arena.games.adaptation.dann import DANN
from arena.games.adaptation.generate_to_adapt import GenerateToAdapt
from benchmarks.published.regimes import EXTRACTOR_ALONE, heading, options, table, with_options

EPOCH = {"svhn-10k": 7999 // 128, "svhn": 73_257 // 128}
"""Turns per epoch of 128 source digits each."""
GAMES: dict[str, Any] = {"dann": DANN, "generate-to-adapt": GenerateToAdapt}


def dann(source: str, plain: bool = False) -> dict[str, Any]:
    """Return the settings of DANN with six convolutions: with batch norm, or plain as published."""
    if plain:
        adam: dict[str, Any] = {"lr": 1e-4, "betas": (0.5, 0.999), "weight_decay": 1e-5, "schedule": "constant"}
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
        **EXTRACTOR_ALONE,
        **form,
        **for_roles("extractor", "domain", **adam),
    }


def generate_to_adapt(turns: int) -> dict[str, Any]:
    """Return the settings of Generate-to-Adapt with the published nets."""
    adam: dict[str, Any] = {
        "lr": 5e-4,
        "betas": (0.8, 0.999),
        "schedule": "inverse-decay",
        "schedule.alpha": 1e-4 * turns,
        "schedule.beta": 1.0,
    }
    return {
        "adapter": "conv-adapter",
        "discriminator": "conv-two-heads",
        "latent": 512,
        "alpha": 0.1,
        "beta": 0.03,
        "coupling": "constant",
        "form": "32x32x3",
        "batch": 100,
        "turns": turns,
        "channels_last": True,
        **for_roles("adapter", "discriminator", **adam),
    }


def main() -> None:
    """Print the tables."""
    parser = options("svhn_mnist", GenerateToAdapt.regimes, seeds=3)
    parser.add_argument("--methods", nargs="+", default=list(GAMES), choices=list(GAMES))
    parser.add_argument("--full", action="store_true", help="SVHN's published training set as the source")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    source = "svhn" if chosen.full else "svhn-10k"
    ways = [("digits", "shaded-digits")] if chosen.quick else [(source, "mnist")]
    if not chosen.full:
        print("SMALL PROTOCOL: 7,999 source digits; published numbers do not compare.")
    for method in chosen.methods:
        recipe = dann(source, chosen.plain) if method == "dann" else generate_to_adapt(chosen.turns or 24_000)
        recipe = with_options(recipe, chosen)
        if chosen.quick:
            small = {"latent": 8, "form": "8x8x1", "adapter": "adapter", "discriminator": "mlp"} if method != "dann" else {}
            recipe, chosen.seeds = {**recipe, **small, "turns": 2, "batch": 4}, 1
        print(f"\n## {method}")
        heading(recipe, "batch norm, Adam" if method == "dann" and not chosen.plain else "Adam")
        table(method, ways, recipe, GAMES[method].regimes, chosen)


if __name__ == "__main__":
    main()
