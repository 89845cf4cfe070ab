"""MNIST ↔ USPS by DANN with the small LeNet, against published numbers.

    Nets: conv5 20, pool, ReLU; conv5 50, Dropout2d .5, pool, ReLU; fc 500, ReLU, dropout; fc 10. Domain: 500-500-500-1, dropout.
    28×28 grey in [−½, ½]; 64 + 64; the first twentieth on the source alone; λ(p).
    Default: batch norm, the domains pass the network one after the other, Adam 1e-3 (.5, .999), falling linearly.
    Plain, as published: no batch norm; SGD .01, momentum .9, weight decay 5e-4, lr·(1 + 10p)^−.75.
    Generate-to-Adapt: the published nets and rates (`svhn_mnist`) in 32×32×3, but 2,000 turns of 32 + 32: sized for one core.
    (M. Long et al., "Conditional Adversarial Domain Adaptation", arXiv:1705.10667, its code; Y. Ganin et al., arXiv:1505.07818.)

    python -m benchmarks.published.mnist_usps                     # both directions, three regimes, one seed: about 20 minutes on one core
    python -m benchmarks.published.mnist_usps --seeds 3           # over seeds
    python -m benchmarks.published.mnist_usps --way usps mnist --regimes source-only adapt --turns 10000
    python -m benchmarks.published.mnist_usps --plain             # as published
    python -m benchmarks.published.mnist_usps --generate --way usps mnist --pictures folder    # Generate-to-Adapt: 20 minutes a regime
    python -m benchmarks.published.mnist_usps --quick             # a few turns of scikit-learn's digits, as a smoke test

The last weights are scored on the target's whole test set; target labels are not used for training.
"""

from typing import Any

import torch

from arena.core.game import for_roles
from arena.games.adaptation.dann import DANN
from arena.games.adaptation.generate_to_adapt import GenerateToAdapt
from benchmarks.published.regimes import EXTRACTOR_ALONE, heading, options, table, with_options
from benchmarks.published.svhn_mnist import generate_to_adapt

COMMON: dict[str, Any] = {
    "extractor": "lenet",
    "domain": "domain-net",
    "batch": 64,
    "turns": 5000,
    "channels_last": True,
    "coupling": "dann-ramp",
    **EXTRACTOR_ALONE,
    "scheduler.fraction": 0.05,
}
RECIPE: dict[str, Any] = {**COMMON, "extractor.normed": True, "bn_mode": "separate", "extractor.lr": 1e-3, "domain.lr": 1e-3}
PLAIN: dict[str, Any] = {
    **COMMON,
    **for_roles("extractor", "domain", optimizer="sgd", lr=0.01, momentum=0.9, weight_decay=5e-4, schedule="inverse-decay"),
}
WAYS = [("mnist", "usps"), ("usps", "mnist")]


def main() -> None:
    """Print the table."""
    parser = options("mnist_usps", GenerateToAdapt.regimes)
    parser.add_argument("--way", nargs=2, metavar=("SOURCE", "TARGET"), help="one pair only")
    parser.add_argument("--generate", action="store_true", help="Generate-to-Adapt instead of DANN")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    method, regimes, recipe, how = "dann", DANN.regimes, RECIPE, "batch norm, Adam"
    if chosen.plain:
        recipe, how = PLAIN, "SGD"
    if chosen.generate:
        turns = chosen.turns or 2000
        method, regimes, recipe, how = "generate-to-adapt", GenerateToAdapt.regimes, {**generate_to_adapt(turns), "batch": 32}, "Adam"
    recipe = with_options(recipe, chosen)
    ways = [tuple(chosen.way)] if chosen.way else WAYS
    if chosen.quick:
        ways, recipe = [("digits", "shaded-digits")], {**recipe, "form": recipe.get("form", "28x28x1"), "turns": 20, "batch": 16}
    heading(recipe, how)
    table(method, ways, recipe, regimes, chosen)


if __name__ == "__main__":
    main()
