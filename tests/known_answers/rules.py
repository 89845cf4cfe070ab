"""Closed forms of the update rules on quadratic games v = Jz with SGD: one step is a known linear map of z.

Spectral radii are those on f(x, y) = xy, whose J is [[0, 1], [−1, 0]], at learning rates 0.1 and 0.5.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from arena import UpdateRule
from arena.rules import Extragradient, Simultaneous


def identity(j: Tensor) -> Tensor:
    return torch.eye(len(j), dtype=j.dtype)


MAPS: dict[str, tuple[Callable[[], UpdateRule], Callable[[Tensor, float], Tensor], tuple[float, float] | None]] = {
    "simultaneous": (Simultaneous, lambda j, eta: identity(j) - eta * j, (1.004988, 1.118034)),
    "extragradient": (
        Extragradient,
        lambda j, eta: identity(j) - eta * j @ (identity(j) - eta * j),
        (0.995038, 0.901388),
    ),
    "extragradient, γ = ½": (
        lambda: Extragradient(gamma=0.5),
        lambda j, eta: identity(j) - eta * j @ (identity(j) - eta / 2 * j),
        None,
    ),
    "extragradient, moments restored": (
        lambda: Extragradient(moments="restored"),
        lambda j, eta: identity(j) - eta * j @ (identity(j) - eta * j),
        (0.995038, 0.901388),
    ),
    "extragradient, fresh batch": (
        lambda: Extragradient(batch="fresh"),
        lambda j, eta: identity(j) - eta * j @ (identity(j) - eta * j),
        (0.995038, 0.901388),
    ),
}
