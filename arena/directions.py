"""Arithmetic on directions: one tensor per moving parameter, by the parameter's name.

Rules are written in these few words, so that what a number or a sum means for a population is settled in one place.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

Direction = dict[str, Tensor]
"""One tensor per moving parameter, by the parameter's name: a gradient, an update or a tangent."""

Factor = float | Tensor | Mapping[str, float | Tensor]
"""What multiplies a direction: one number, or one for each parameter (a learning rate, a diagonal)."""


def dot(a: Direction, b: Direction) -> Tensor:
    """⟨a, b⟩ over all parameters.

    Example:
        >>> dot({"x": torch.tensor([1.0, 2.0])}, {"x": torch.tensor([3.0, 4.0])})
        tensor(11.)
    """
    return torch.stack([(a[name] * b[name]).sum() for name in a]).sum()


def times(factor: Factor, a: Direction) -> Direction:
    """factor · a.

    Example:
        >>> times(2.0, {"x": torch.tensor([1.0])}), times({"x": 3.0}, {"x": torch.tensor([1.0])})
        ({'x': tensor([2.])}, {'x': tensor([3.])})
    """
    if isinstance(factor, Mapping):
        return {name: factor[name] * tensor for name, tensor in a.items()}
    return {name: factor * tensor for name, tensor in a.items()}


def plus(a: Direction, b: Direction, factor: Factor = 1.0) -> Direction:
    """a + factor · b, over the parameters of a; a parameter that b lacks stays as it is.

    Example:
        >>> plus({"x": torch.tensor([1.0])}, {"x": torch.tensor([2.0])}, -0.5)
        {'x': tensor([0.])}
    """
    if isinstance(factor, float | int):  # one kernel instead of two
        return {name: torch.add(t, b[name], alpha=factor) if name in b else t for name, t in a.items()}
    scaled = times(factor, b)
    return {name: t + scaled[name] if name in b else t for name, t in a.items()}


def copied(a: Direction) -> Direction:
    """A copy that no later move changes, detached from any graph."""
    return {name: tensor.detach().clone() for name, tensor in a.items()}
