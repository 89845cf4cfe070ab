"""MNIST → MNIST-M by DANN, with the batch-normalised networks of later reproductions, against published numbers.

    Nets: conv5 64, norm, pool, ReLU; conv5 50, norm, Dropout2d .5, pool, ReLU. Labels: 100, norm, ReLU, dropout; 100, norm, ReLU; 10.
    Domain: 100, norm, ReLU; 1. 32×32×3 in [−½, ½]; Adam 1e-3, falling linearly; 64 + 64; λ(p). The domains pass the extractor one
    after the other, each normalised by its own statistics.
    (Y. Ganin et al., arXiv:1505.07818, report 76.7 with plain nets and SGD; users of similar nets report 89 to 91.)

    python -m benchmarks.published.mnist_m                          # three regimes, one seed: about 50 minutes on one core
    python -m benchmarks.published.mnist_m --seeds 3 --regimes source-only adapt
    python -m benchmarks.published.mnist_m --batch 128 --turns 9400 # twenty epochs of 128 + 128
    python -m benchmarks.published.mnist_m --plain                  # the paper's nets and SGD
    python -m benchmarks.published.mnist_m --quick                  # a few turns of scikit-learn's digits, as a smoke test

MNIST-M is built from MNIST and the photographs of `bsds500/train` by the published rule (`games/data/mnist_m.py`). Without photographs,
the backgrounds are noise, with a warning, and results do not compare. The last weights are scored on all 10,000 test images of the target;
target labels are not used for training.
"""

from typing import Any

import torch

from arena.core.game import for_roles
from arena.games.adaptation.dann import DANN
from benchmarks.published.regimes import heading, options, table, with_options

RECIPE: dict[str, Any] = {
    "extractor": "mnist-net",
    "extractor.normed": True,
    "domain": "domain-net",
    "domain.hidden": (100,),
    "domain.dropout": 0.0,
    "domain.normed": True,
    "bn_mode": "per_domain",
    "form": "32x32x3",
    "batch": 64,
    "turns": 4000,
    "channels_last": True,
    "coupling": "dann-ramp",
    **for_roles("extractor", "domain", lr=1e-3, betas=(0.9, 0.999), schedule="linear"),
}
PLAIN: dict[str, Any] = {
    "extractor": "mnist-net",
    "domain": "domain-net",
    "domain.hidden": (100,),
    "domain.dropout": 0.0,
    "form": "32x32x3",
    "batch": 64,
    "turns": 8600,
    "channels_last": True,
    "coupling": "dann-ramp",
    **for_roles("extractor", "domain", optimizer="sgd", lr=0.01, momentum=0.9, schedule="inverse-decay"),
}


def main() -> None:
    """Print the table."""
    chosen = options("mnist_m", DANN.regimes).parse_args()
    torch.set_num_threads(1)
    recipe = with_options(PLAIN if chosen.plain else RECIPE, chosen)
    ways = [("mnist", "mnist-m")]
    if chosen.quick:
        ways, recipe = [("digits", "shaded-digits")], {**recipe, "turns": 4, "batch": 8}
    heading(recipe, "the paper's nets, SGD" if chosen.plain else "batch norm, Adam")
    table("dann", ways, recipe, DANN.regimes, chosen)


if __name__ == "__main__":
    main()
