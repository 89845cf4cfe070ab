"""Hand-made rows of a trace: numbers, or functions of progress, by field; rare fields such as the score come in every tenth row."""

import math
from collections.abc import Callable, Mapping
from typing import Any

Made = float | Callable[[float], float]
RARE = ("score", "metrics.", "ceiling")


def rows(
    fields: Mapping[str, Made], *, turns: int = 3000, every: int = 30, status: str = "finished", reason: str = ""
) -> list[dict[str, Any]]:
    """Return rows of turns and the end row."""
    made = []
    for turn in range(0, turns + 1, every):
        row: dict[str, Any] = {"kind": "turn", "turn": turn, "progress": turn / turns}
        for name, value in fields.items():
            if not name.startswith(RARE) or turn % (5 * every) == 0:
                row[name] = value(turn / turns) if callable(value) else value
            if name.endswith(".moves"):
                row[name] = turn
        made.append(row)
    end = {"kind": "end", "turn": turns, "status": status, "score": None, "best": None, "ceiling": None}
    return [*made, end | ({"reason": reason} if reason else {})]


def falling(start: float, end: float) -> Callable[[float], float]:
    """Return a number that falls quickly from its start to its end."""
    return lambda progress: end + (start - end) * math.exp(-8 * progress)


GAN: dict[str, Made] = {
    "generator.moves": 0,
    "discriminator.moves": 0,
    "generator.loss": 0.75,
    "discriminator.loss": 1.3,
    "generator.gradient_norm": 0.3,
    "discriminator.gradient_norm": 0.5,
    "generator.update_norm": 0.02,
    "discriminator.update_norm": 0.02,
    "generator.update_cosine": 0.7,
    "discriminator.update_cosine": 0.6,
    "game.D(x)": 0.53,
    "game.D(G(z))": 0.47,
    "game.spread": 0.98,
    "score": falling(1.2, 0.1),
    "ceiling": 0.04,
    "metrics.modes-covered": 8.0,
    "ceilings.modes-covered": 8.0,
    "metrics.heaviest-mode": lambda p: float(round(20 * p) % 8),
    "metrics.held-out-gap": 0.02,
}
GAN_SETTINGS: dict[str, Any] = {
    "game": "ring",
    "loss": "non-saturating",
    "penalty": "none",
    "gamma": 10.0,
    "instance_noise": 0.0,
    "instance_noise_schedule": "constant",
    "turns": 3000,
    "rule.name": "simultaneous",
    "scheduler.name": "alternating",
    "scheduler.ratio": 1,
    **{f"{role}.{name}": value for role in ("generator", "discriminator") for name, value in {"lr": 1e-3, "optimizer": "adam"}.items()},
    **{
        f"{role}.{name}": value
        for role in ("generator", "discriminator")
        for name, value in {"betas": [0.5, 0.9], "hidden": [64, 64]}.items()
    },
}
DANN: dict[str, Made] = {
    "extractor.moves": 0,
    "domain.moves": 0,
    "game.label_accuracy": 1.0,
    "game.domain_loss": 0.66,
    "metrics.proxy-a-distance": 0.8,
    "metrics.target-accuracy": 0.95,
    "coupling": 1.0,
    "score": falling(0.5, 0.05),
}
DANN_SETTINGS: dict[str, Any] = {
    "game": "dann",
    "regime": "adapt",
    "coupling.name": "dann-ramp",
    "extractor.lr": 3e-3,
    "domain.lr": 3e-3,
    "domain.hidden": [64],
    "bn_mode": "concat",
}
REGRESSION: dict[str, Made] = {
    "regressor.moves": 0,
    "critic.moves": 0,
    "game.D(x,y)": 0.55,
    "game.D(x,f(x))": 0.45,
    "coupling": 0.2,
    "score": 0.08,
    "ceiling": 0.08,
}
REGRESSION_SETTINGS: dict[str, Any] = {"game": "regression", "coupling.name": "constant", "coupling.value": 0.2}
ATTACK: dict[str, Made] = {"classifier.moves": 0, "attacker.moves": 0, "metrics.fgsm-accuracy": 0.8, "score": 0.25}
ATTACK_SETTINGS: dict[str, Any] = {"game": "attack", "scheduler.name": "alternating", "scheduler.ratio": 1}
VECTORS: dict[str, Made] = {
    "x.moves": 0,
    "y.moves": 0,
    "x.loss": lambda p: math.sin(60 * p),
    "y.loss": lambda p: -math.sin(60 * p),
    "x.update_norm": 0.1,
    "y.update_norm": 0.1,
    "score": 1.0,
}
VECTOR_SETTINGS = {"game": "bilinear", "rule.name": "simultaneous", "x.lr": 0.1, "y.lr": 0.1, "x.optimizer": "sgd", "y.optimizer": "sgd"}
