"""Clipping of the direction along which a player's optimizer steps.

With g the direction, θ the player's parameters, and c, v and λ the limits of the norm, the value and the ratio:

    adaptive   gᵢ ← gᵢ · min(1, λ · max(‖θᵢ‖, 10⁻³) / ‖gᵢ‖)   for each unit i: a row of a matrix, a filter, a whole vector
    value      g ← min(max(g, −v), v)
    norm       g ← g · min(1, c / ‖g‖)                        with ‖g‖ over all parameters of the player

in that order. Adaptive clipping is that of Brock et al., arXiv:2102.06171. The rule has chosen the direction before, so that a rule that
looks ahead is clipped once, where it moves. Nothing waits for the device, and each member of a population has limits and norms of its own.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from arena.core.directions import Direction, Number, aligned
from arena.errors import check_number
from arena.optimizers.factories import OptimizerFactory

SMALLEST = 1e-3
"""Norm of a unit below which its ratio is not counted."""
ROUNDING = 1e-6
"""Added to a norm before it divides, as torch does."""


@dataclass(frozen=True)
class Clipping:
    """Limits of a direction; infinity is no limit. In a population a limit may be a tensor of shape (K,).

    Args:
        clip_norm: Largest norm c of the direction over all parameters of the player; 0 for none.
        clip_value: Largest size v of each coordinate; 0 for none.
        clip_adaptive: Largest ratio λ of each unit's norm to that of its parameters; 0 for none.

    Raises:
        BadSetting: A limit is below 0.

    Example:
        >>> clip = Clipping(clip_norm=1.0)
        >>> clip({"x": torch.tensor([3.0, 4.0])}, {"x": torch.zeros(2)})["x"]
        tensor([0.6000, 0.8000])
    """

    clip_norm: float = 0.0
    clip_value: float = 0.0
    clip_adaptive: float = 0.0

    def __post_init__(self) -> None:
        for name, limit in vars(self).items():
            if not isinstance(limit, Tensor):
                check_number(name, limit, least=0)

    def __bool__(self) -> bool:
        return any(isinstance(limit, Tensor) or limit > 0 for limit in vars(self).values())

    def __call__(self, direction: Direction, parameters: Direction, *, members: bool = False) -> Direction:
        """Return the clipped direction of one player; the given one is left as it is.

        Args:
            direction: One tensor for each parameter.
            parameters: The parameters, by the same names.
            members: Whether every tensor has a leading axis of members.
        """
        lead = int(members)
        if _on(self.clip_adaptive):
            direction = {n: g * self._share_of_units(g, parameters[n], lead) for n, g in direction.items()}
        if _on(self.clip_value):
            limits = {n: _limit(self.clip_value, g) for n, g in direction.items()}
            direction = {n: torch.minimum(torch.maximum(g, -limits[n]), limits[n]) for n, g in direction.items()}
        if _on(self.clip_norm):
            squares = torch.stack([g.square().flatten(lead).sum(-1) if g.dim() > lead else g.square() for g in direction.values()]).sum(0)
            norm = squares.sqrt()
            share = (_limit(self.clip_norm, norm) / (norm + ROUNDING)).clamp(max=1.0)
            direction = {n: g * aligned(share, g) for n, g in direction.items()}
        return direction

    def _share_of_units(self, g: Tensor, p: Tensor, lead: int) -> Tensor:
        """Return the factor of each unit, with axes of length 1 where its numbers lie."""
        axes = tuple(range(lead + (g.dim() > lead + 1), g.dim()))
        norms = [torch.linalg.vector_norm(t.detach(), dim=axes, keepdim=True) if axes else t.detach().abs() for t in (g, p)]
        limit = aligned(_limit(self.clip_adaptive, norms[0]), norms[0])
        return (limit * norms[1].clamp(min=SMALLEST) / norms[0].clamp(min=ROUNDING)).clamp(max=1.0)


def clipped(factory: OptimizerFactory, clip: Clipping) -> OptimizerFactory:
    """Return a function that builds an optimizer whose steps are along clipped directions.

    Example:
        >>> from arena.optimizers import sgd
        >>> clipped(sgd, Clipping(clip_value=0.1))([nn.Parameter(torch.zeros(1))]).clip.clip_value
        0.1
    """
    return functools.partial(_clipped, factory, clip) if clip else factory


def _clipped(factory: OptimizerFactory, clip: Clipping, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    optimizer = factory(parameters)
    optimizer.clip = clip  # type: ignore[attr-defined]
    return optimizer


def clip_of(optimizer: torch.optim.Optimizer) -> Clipping | None:
    """Return the limits of an optimizer's steps; None if it has none."""
    return getattr(optimizer, "clip", None)


def of_members(singles: Sequence[torch.optim.Optimizer], spread: Any) -> Clipping | None:
    """Return the limits of a population's optimizer from those of its members' single runs.

    Args:
        singles: Optimizer of each member.
        spread: Makes a number, or one for each member, of the members' numbers.
    """
    clips = [clip_of(single) or Clipping() for single in singles]
    if not any(clips):
        return None
    return Clipping(**{name: spread([getattr(clip, name) for clip in clips]) for name in vars(clips[0])})


def _on(limit: Number) -> bool:
    return isinstance(limit, Tensor) or limit > 0


def _limit(limit: Number, like: Tensor) -> Tensor:
    """Return a limit as a tensor that goes together with `like`, with infinity where there is none."""
    if isinstance(limit, Tensor):
        return aligned(torch.where(limit > 0, limit, math.inf), like)  # type: ignore[return-value]
    return torch.as_tensor(limit, dtype=like.dtype, device=like.device)
