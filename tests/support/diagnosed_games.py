"""Games that diagnostics look at: a small GAN, and quadratic games at a position."""

from typing import Any

import torch
from torch import nn

import arena
from arena import Arena, configure
from tests.support.quadratic_games import quadratic

SMALL = {"batch": 16, "generator.hidden": (6, 6), "discriminator.hidden": (6,), "discriminator.activation": "tanh", "dtype": "float64"}


def ring(**settings: Any) -> Arena:
    """A small GAN after a few turns."""
    kept = {name: value for name, value in SMALL.items() if name.partition(".")[0] not in settings}
    made = configure("ring", {**kept, "generator.activation": "tanh", **settings}).build()
    for _ in range(6):
        made.play_scheduled_turn(measure=True)
    return made


def plane(matrix: tuple[tuple[float, ...], ...], z: tuple[float, ...], split: int = 1) -> Arena:
    """A quadratic game at a position z."""
    made = quadratic(torch.tensor(matrix, dtype=torch.float64), arena.rules.Simultaneous(), (0.1, 0.1), split=split)
    put(made, z)
    return made


def put(made: Arena, z: Any) -> None:
    with torch.no_grad():
        nn.utils.vector_to_parameters(torch.as_tensor(z, dtype=torch.float64), made.game.parameters())


SPECTRUM = {"spectral_radius", "smallest_real", "largest_imaginary", "rotating_share"}
