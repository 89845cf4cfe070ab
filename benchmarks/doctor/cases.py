"""Planted ailments and healthy runs. Half of the settings are chosen by hand; half are drawn at random, by the seed, from ranges."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.doctor.few_images import DATA, FEW_CLASSES

Draw = Callable[[random.Random], Any]


def log(low: float, high: float) -> Draw:
    """A number between two, uniform in its logarithm, with three digits."""
    return lambda rng: float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")


def whole(low: int, high: int) -> Draw:
    """A whole number between two, both included."""
    return lambda rng: rng.randint(low, high)


def one(*choices: Any) -> Draw:
    """One of several values."""
    return lambda rng: rng.choice(choices)


@dataclass(frozen=True, eq=False)
class Plant:
    """A way to give a game an ailment, or a healthy run.

    Args:
        ailment: What is planted; `healthy` for nothing.
        game: The game.
        base: Settings of the game in this benchmark.
        chosen: Settings chosen by hand.
        drawn: Ranges, by setting, from which other settings are drawn; the chosen ones that have no range stay.
        place: Number of the plant among those of its ailment.
    """

    ailment: str
    game: str
    base: Mapping[str, Any]
    chosen: Mapping[str, Any] = field(default_factory=dict)
    drawn: Mapping[str, Draw] = field(default_factory=dict)
    place: int = 0

    def settings(self, seed: int) -> dict[str, Any]:
        """Return the settings of one seed: drawn ones for every other seed, the odd or the even ones by turns."""
        rng = random.Random(f"{self.ailment} {self.game} {self.place} {seed}")  # noqa: S311
        drawn = {name: draw(rng) for name, draw in self.drawn.items()} if (seed + self.place) % 2 else {}
        own = {**self.chosen, **drawn}
        both = [name[1:] for name in own if name.startswith("*.")]  # which replace those of either player
        return {name: value for name, value in self.base.items() if not name.endswith(tuple(both))} | {**own, "seed": seed}


PLAIN: dict[str, Any] = {"trace.tensorboard": False, "picture.every": 0, "checkpoint.best": False, "alarms.names": "none", "device": "cpu"}
POINTS: dict[str, Any] = PLAIN | {
    "turns": 2000,
    "batch": 64,
    "generator.hidden": (64, 64),
    "discriminator.hidden": (64, 64),
    "generator.lr": 1e-3,
    "discriminator.lr": 1e-3,
    "trace.every": 20,
    "score.every": 100,
    "metrics.every": 250,
}
VECTORS: dict[str, Any] = PLAIN | {"turns": 600, "trace.every": 5, "score.every": 5, "until_solved": False}
PAIRS: dict[str, Any] = PLAIN | {"turns": 1200, "trace.every": 12, "score.every": 60, "metrics.every": 300}
MOONS: dict[str, Any] = PLAIN | {"turns": 600, "batch": 64, "trace.every": 10, "score.every": 50, "metrics.every": 100}
DIGITS: dict[str, Any] = MOONS | {"source": "digits", "target": "shaded-digits"}
IMAGES: dict[str, Any] = PLAIN | {"turns": 1500, "batch": 50, "trace.every": 15, "score.every": 100, "metrics.every": 150}
ATTACKED: dict[str, Any] = PLAIN | {
    "data": "digits",
    "turns": 1500,
    "scored": 256,
    "trace.every": 15,
    "score.every": 250,
    "metrics.every": 250,
    "epsilon": 0.3,
    "attacker.lr": 1.25,
    "attacker.start": 0.0,
    "classifier.lr": 0.02,
}
NORMED: dict[str, Any] = {"extractor": "benchmarks.doctor.few_images.NormedMLP", "*.lr": 1e-3}
STARVED = {"scheduler.ratio": 8, "generator.lr": 1e-4}
"""Many moves of the discriminator for each of a slow generator."""
DRAWN_STARVED = {"scheduler.ratio": whole(6, 12), "generator.lr": log(6e-5, 1.5e-4)}

_PLANTED: Mapping[str, Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Draw]]]] = {
    "discriminator-wins": [("ring", POINTS, STARVED, DRAWN_STARVED), ("swiss-roll", POINTS, STARVED, DRAWN_STARVED)],
    "discriminator-weak": [
        ("ring", POINTS, {"discriminator.hidden": (4,)}, {"discriminator.hidden": one((2,), (3,), (6,), (4, 4))}),
        ("swiss-roll", POINTS, {"discriminator.hidden": (4,)}, {"discriminator.hidden": one((2,), (3,), (6,), (4, 4))}),
    ],
    "collapse-to-point": [
        ("ring", POINTS, {"scheduler.ratio": -8}, {"scheduler.ratio": whole(-12, -5)}),
        ("swiss-roll", POINTS, {"scheduler.ratio": -8}, {"scheduler.ratio": whole(-12, -5)}),
    ],
    "few-modes": [
        (
            "ring",
            POINTS,
            {"discriminator.lr": 3e-3, "generator.lr": 3e-4},
            {"discriminator.lr": log(2.5e-3, 3.8e-3), "generator.lr": log(2e-4, 4e-4)},
        ),
        (
            "ring",
            POINTS,
            {"discriminator.lr": 3e-3, "generator.lr": 3e-4, "noise": 0.15, "latent": 8},
            {"discriminator.lr": log(2.5e-3, 3.8e-3), "generator.lr": log(2e-4, 4e-4)},
        ),
    ],
    "mode-hopping": [
        ("ring", POINTS, {"scheduler.ratio": -4, "*.schedule": "constant"}, {"scheduler.ratio": whole(-6, -3)}),
        ("grid", POINTS, {"scheduler.ratio": -4, "*.schedule": "constant"}, {"scheduler.ratio": whole(-6, -3)}),
    ],
    "aimless-rotation": [
        ("bilinear", VECTORS, {"scheduler": "alternating"}, {"*.lr": log(0.05, 0.3)}),
        ("dirac", VECTORS, {"*.lr": 0.1}, {"*.lr": log(0.05, 0.3)}),
    ],
    "diverging": [
        ("bilinear", VECTORS, {"*.lr": 0.3, "scheduler": "simultaneous"}, {"*.lr": log(0.15, 0.6)}),
        ("regression", PAIRS, {"regressor.optimizer": "sgd", "regressor.lr": 3.0}, {"regressor.lr": log(2.0, 10.0)}),
    ],
    "momentum-too-high": [
        ("ring", POINTS, {"*.betas": (0.95, 0.99)}, {"*.betas": one((0.9, 0.999), (0.93, 0.99), (0.97, 0.999), (0.95, 0.9))}),
        ("swiss-roll", POINTS, {"*.betas": (0.95, 0.99)}, {"*.betas": one((0.93, 0.999), (0.95, 0.999), (0.97, 0.99))}),
    ],
    "saturating-loss": [
        (game, POINTS, {"loss": "saturating", **STARVED, "generator.lr": 2e-4}, {**DRAWN_STARVED, "generator.lr": log(1.5e-4, 3e-4)})
        for game in ("ring", "grid")
    ],
    "penalty-too-strong": [
        ("ring", POINTS, {"penalty": "r1", "gamma": 3e4}, {"gamma": log(1e4, 1e6)}),
        ("swiss-roll", POINTS, {"penalty": "0-gp", "gamma": 3e4}, {"gamma": log(1e4, 1e6)}),
    ],
    "penalty-too-weak": [
        ("ring", POINTS, {**STARVED, "penalty": "r1", "gamma": 1e-4}, {"gamma": log(1e-6, 1e-3)}),
        ("swiss-roll", POINTS, {**STARVED, "penalty": "r1", "gamma": 1e-4}, {"gamma": log(1e-6, 1e-3)}),
    ],
    "constant-instance-noise": [
        ("ring", POINTS, {"instance_noise": 2.0}, {"instance_noise": log(1.5, 4.0)}),
        ("swiss-roll", POINTS, {"instance_noise": 2.5}, {"instance_noise": log(2.0, 5.0)}),
    ],
    "rate-too-high": [
        ("ring", POINTS, {"generator.lr": 0.03}, {"generator.lr": log(0.01, 0.1)}),
        ("swiss-roll", POINTS, {"discriminator.lr": 0.03}, {"discriminator.lr": log(0.01, 0.1)}),
    ],
    "rate-too-low": [
        ("ring", POINTS, {"*.lr": 2e-5}, {"*.lr": log(3e-6, 4e-5)}),
        ("swiss-roll", POINTS, {"generator.lr": 1e-5}, {"generator.lr": log(3e-6, 4e-5)}),
    ],
    "domain-classifier-weak": [
        ("dann", MOONS, {"domain.lr": 1e-6}, {"domain.lr": log(1e-7, 1e-5)}),
        ("dann", DIGITS, {"domain.hidden": (1,), "domain.lr": 1e-4}, {"domain.hidden": one((1,), (2,)), "domain.lr": log(1e-6, 1e-4)}),
    ],
    "ignored-critic": [
        ("regression", PAIRS, {"coupling": 0.002}, {"coupling": log(1e-4, 8e-3)}),
        ("regression-2d", PAIRS, {"coupling": 0.002}, {"coupling": log(1e-4, 8e-3)}),
    ],
    "mixed-batch-norm": [
        ("dann", DIGITS, NORMED, {"*.lr": log(7e-4, 2e-3)}),
        ("dann", DIGITS, {**NORMED, "extractor.hidden": (128, 64)}, {"*.lr": log(7e-4, 2e-3)}),
    ],
    "negative-transfer": [("dann", DIGITS, {"target": str(DATA / f"{name}.npz")}, {"*.lr": log(2e-3, 5e-3)}) for name in FEW_CLASSES],
    "early-coupling": [
        ("dann", MOONS, {"coupling": "constant", "angle": 70.0}, {"angle": log(65.0, 72.0)}),
        ("dann", MOONS, {"coupling": "constant", "angle": 65.0, "noise": 0.15}, {"noise": log(0.12, 0.2)}),
    ],
    "crosswise-alignment": [
        ("dann", MOONS, {"angle": 140.0}, {"angle": log(125.0, 160.0)}),
        ("dann", MOONS, {"angle": 150.0, "noise": 0.15}, {"noise": log(0.05, 0.2)}),
    ],
    "overfit-discriminator": [
        ("benchmarks.doctor.few_images.FewImages", IMAGES, {"few": 40}, {"few": whole(20, 100)}),
        ("benchmarks.doctor.few_images.FewPatches", IMAGES, {"few": 20}, {"few": whole(15, 40)}),
    ],
    "gradient-masking": [
        ("attack", ATTACKED, {}, {"epsilon": log(0.27, 0.35), "attacker.lr": log(1.0, 2.0)}),
        ("attack", ATTACKED, {"classifier": "six-convs"}, {"epsilon": log(0.27, 0.35), "attacker.lr": log(1.0, 2.0)}),
    ],
    "too-short": [
        ("ring", POINTS | {"trace.every": 4, "score.every": 8}, {"turns": 150}, {"turns": whole(60, 300)}),
        ("swiss-roll", POINTS | {"trace.every": 4, "score.every": 8}, {"turns": 100}, {"turns": whole(40, 200)}),
    ],
}
_RATES = {"*.lr": log(7e-4, 1.5e-3)}
_HEALTHY: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Draw]]] = [
    ("ring", POINTS, {}, _RATES),
    ("swiss-roll", POINTS, {}, _RATES),
    ("two-moons", POINTS, {}, _RATES),
    ("two-modes", POINTS, {"*.lr": 5e-4}, {"*.lr": log(4e-4, 1e-3)}),
    ("ring", POINTS, {"penalty": "r1", "gamma": 1.0}, {"gamma": log(0.1, 10)}),
    ("ring", POINTS, {"loss": "hinge"}, _RATES),
    ("ring", POINTS, {"instance_noise": 1.0, "instance_noise_schedule": "linear"}, {"instance_noise": log(0.3, 1.5)}),
    ("swiss-roll", POINTS, {"penalty": "0-gp", "gamma": 1.0}, {"gamma": log(0.1, 10)}),
    ("bilinear", VECTORS, {"rule": "extragradient", "*.lr": 0.2}, {"*.lr": log(0.15, 0.5)}),
    ("dirac", VECTORS, {"penalty": "r1", "*.lr": 0.2}, {"*.lr": log(0.1, 0.5)}),
    ("dann", MOONS, {}, {"*.lr": log(2e-3, 4e-3)}),
    ("dann", DIGITS, {}, {"*.lr": log(2e-3, 4e-3)}),
    ("regression", PAIRS, {}, {"coupling": log(0.15, 0.3)}),
    ("regression-gap", PAIRS, {}, {"coupling": log(0.5, 1.0)}),
]

PLANTED = [Plant(ailment, *plant, place) for ailment, plants in _PLANTED.items() for place, plant in enumerate(plants)]
HEALTHY = [Plant("healthy", *plant, place) for place, plant in enumerate(_HEALTHY)]
