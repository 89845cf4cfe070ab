"""Adversarial training on MNIST: the recipe of "Fast is better than free", PGD-5 training and natural training, against published numbers.

    E. Wong, L. Rice, J. Z. Kolter, arXiv:2001.03994: conv 4/2 16, conv 4/2 32, fully connected 100 and 10 with ReLU; one sign step of
    α = .375 from a start uniform in the L∞ ball of ε = .3; batch 100, 10 epochs, Adam with a learning rate 0 → 5e-3 at 40 % → 0.
    Evaluated by PGD-50, α = .01, 10 restarts.

    python -m benchmarks.published.adversarial                      # five seeds of three trainings, PGD on the first 2,000 images: an hour
    python -m benchmarks.published.adversarial --first 2 --seeds 1  # one seed; adversarial.json keeps all of them
    python -m benchmarks.published.adversarial --full               # PGD on all 10,000 test images: a few minutes more per seed
    python -m benchmarks.published.adversarial --training pgd       # one of fgsm, pgd and natural
    python -m benchmarks.published.adversarial --quick              # scikit-learn's digits, a few hundred turns, as a smoke test

One-step training is unreliable: in some runs the network learns to defeat that step only, and PGD always succeeds (catastrophic
overfitting). Five steps, with a fifth of the loss on clean images (λ = .8), are stable.

Unlike the published code, which reads the learning rate at the end of each batch, the arena reads it in the middle.
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from arena.config import configure
from arena.games.attack.game import Attack
from arena.games.attack.robustness import Threat, correct, withstands
from benchmarks import processor

RECIPE: dict[str, Any] = {"data": "mnist", "batch": 100, "epsilon": 0.3, "attacker.lr": 0.375, "classifier.lr": 5e-3}
KEPT = Path(__file__).with_suffix(".json")
"""Results by training and seed."""

BATCHES = 6000
"""Ten epochs of MNIST."""

MODELS: dict[str, dict[str, Any]] = {
    "adversarial (FGSM from a random start)": {"scheduler": "alternating"},
    "adversarial (PGD-5 from a random start)": {
        "scheduler": "alternating",
        "scheduler.ratio": 5,
        "attacker.lr": 0.12,
        "classifier.lr": 2e-3,
        "coupling": 0.8,  # a fifth of the loss is on clean images; without them, the network stays at chance
    },
    "natural": {
        "regime": "natural",
        "scheduler": "warm-up",  # the classifier moves alone
        "scheduler.fraction": 1.0,
        "scheduler.first": 1.0,
        "scheduler.second": 0.0,
    },
}
NAMES = dict(zip(("fgsm", "pgd", "natural"), MODELS, strict=True))
PUBLISHED = (
    ("Madry et al. (arXiv:1706.06083)", "98.8", "95.6", "93.2 (PGD-40)"),
    ("Wong et al. (arXiv:2001.03994)", "≈ 98.5", "–", "≈ 88.5 (PGD-50-10)"),
    ("natural training", "98.9", "1 – 49", "0"),
)


class Measurement(NamedTuple):
    """Accuracies in percent, and seconds."""

    clean: float
    fgsm: float
    pgd: float
    training: float
    attacking: float


def measure(settings: dict[str, Any], seed: int, attacked: int | None, threat: Threat) -> Measurement:
    """Train one classifier and attack it: clean and FGSM on the whole test set, PGD on the first `attacked` images."""
    arena = configure("attack", {**RECIPE, **settings, "seed": seed}).build()
    arena.reset(seed=seed)
    began = time.perf_counter()
    while arena.turns_played < arena.turns:
        arena.play_scheduled_turn()
        if arena.turns_played % 100 == 0:
            arena.read_signals()  # as in any run, to detect divergence
    trained = time.perf_counter()
    game = arena.game
    assert isinstance(game, Attack)
    classifier = game.players["classifier"]
    image, label = game.test_images()
    clean, fgsm = correct(classifier, image, label), withstands(classifier, image, label, Threat.fgsm(threat.epsilon))
    pgd = withstands(classifier, image[:attacked], label[:attacked], threat)
    return Measurement(_percent(clean), _percent(fgsm), _percent(pgd), trained - began, time.perf_counter() - trained)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published.adversarial")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--training", choices=("all", *NAMES), default="all", help="training to run")
    parser.add_argument("--attacked", type=int, default=2000, help="number of test images for PGD")
    parser.add_argument("--full", action="store_true", help="attack all test images")
    parser.add_argument("--quick", action="store_true", help="a small run, for tests")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    threat = Threat(0.3, steps=50, step_size=0.01, restarts=10)
    overrides: dict[str, Any] = {}
    batches = BATCHES
    if chosen.quick:
        overrides, batches, chosen.attacked = {"data": "digits", "epsilon": 0.15}, 200, 297
        threat = Threat(0.15, steps=10, step_size=0.03, restarts=2)
    scale = threat.epsilon / RECIPE["epsilon"]
    attacked = None if chosen.full else chosen.attacked
    rows = {} if chosen.quick else _kept(str(attacked or "all"))
    print(f"{processor()}, one thread; Python {platform.python_version()}, torch {torch.__version__}")
    data = "scikit-learn's digits" if chosen.quick else "MNIST"
    images = "all test images" if attacked is None else f"the first {attacked:,} test images"
    print(
        f"{data}; conv 4/2 16, conv 4/2 32, fc 100, fc 10; "
        f"batch 100, {batches:,} batches, an epoch having each image once;\nAdam (.9, .999), learning rate 0 → 5e-3 at 40 % → 0; "
        f"ε = {threat.epsilon:g} (L∞), uniform start in the ball, one sign step of α = {_step(NAMES['fgsm']) * scale:g}; "
        f"PGD-5:\nfive of α = {_step(NAMES['pgd']) * scale:g}, peak 2e-3, "
        "0.2 CE(clean) + 0.8 CE(perturbed);\nthe natural model without the attacker. "
        f"Clean and FGSM on the whole test set, {threat} with α = {threat.step_size:g} on {images}; last weights.\n"
    )
    chosen_models = MODELS if chosen.training == "all" else {NAMES[chosen.training]: MODELS[NAMES[chosen.training]]}
    for name, settings in chosen_models.items():
        turns = batches * (1 + settings.get("scheduler.ratio", 1) if settings["scheduler"] == "alternating" else 1)
        scaled = {"attacker.lr": _step(name) * scale}
        for seed in range(chosen.first, chosen.first + chosen.seeds):
            one = measure({**settings, **overrides, **scaled, "turns": turns}, seed, attacked, threat)
            rows = rows | _keep(name, seed, str(attacked or "all"), one) if not chosen.quick else {**rows, f"{name} | {seed}": one}
            print(f"{name}, seed {seed}: {one.training:.0f} s of training, {one.attacking:.0f} s of attacks", flush=True)
    print(f"\n| training | seed | clean | FGSM | {threat} |\n|---|---|---|---|---|")
    for name, one in sorted(rows.items()):
        print(f"| {name} | {one.clean:.2f} | {one.fgsm:.2f} | {one.pgd:.2f} |")
    summary = []
    for name in MODELS:
        columns = list(zip(*(one for row, one in sorted(rows.items()) if row.startswith(name)), strict=True))[:3]
        if columns:
            summary.append((f"ours, {name}, {len(columns[0])} seed{'s' * (len(columns[0]) > 1)}", *(_spread(column) for column in columns)))
    print(f"\nPublished numbers are MNIST's.\n\n| | clean | FGSM | PGD ({threat}) |\n|---|---|---|---|")
    for row in (*PUBLISHED, *summary):
        print("| " + " | ".join(row) + " |")


def _step(name: str) -> float:
    """Return α of a training."""
    return float({**RECIPE, **MODELS[name]}["attacker.lr"])


def _kept(attacked: str) -> dict[str, Measurement]:
    """Return the stored results of attacks on `attacked` images."""
    everything = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return {name: Measurement(*numbers) for name, numbers in everything.get(attacked, {}).items()}


def _keep(name: str, seed: int, attacked: str, measured: Measurement) -> dict[str, Measurement]:
    """Store a result, and return all."""
    everything = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    everything.setdefault(attacked, {})[f"{name} | {seed}"] = [round(number, 2) for number in measured]
    KEPT.write_text(json.dumps(everything, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return _kept(attacked)


def _percent(truths: Tensor) -> float:
    return 100 * truths.double().mean().item()


def _spread(numbers: tuple[float, ...]) -> str:
    mean = statistics.mean(numbers)
    low, high = min(numbers), max(numbers)
    return f"{mean:.2f} ± {statistics.stdev(numbers):.2f} ({low:.2f} to {high:.2f})" if len(numbers) > 1 else f"{mean:.2f}"


if __name__ == "__main__":
    main()
