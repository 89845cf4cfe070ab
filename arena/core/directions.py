"""Arithmetic on directions: one tensor per moving parameter, by the parameter's name.

Rules use these functions, so that numbers and sums of a population are defined in one place. In a population, every tensor has a leading
axis of K members, and a number may be a tensor of K, one per member; `Field.dot` sums within each member.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

Direction = dict[str, Tensor]
"""One tensor per moving parameter, by the parameter's name: a gradient, an update or a tangent."""

Number = float | Tensor
"""A number, or in a population one per member: a tensor of shape (K,)."""

Factor = Number | Mapping[str, Number]
"""A factor of a direction: one number, or one per parameter (a learning rate, a diagonal)."""

Where = bool | Tensor
"""A truth value, or in a population one per member: a tensor of bools of shape (K,)."""


def dot(a: Direction, b: Direction, *, members: bool = False) -> Tensor:
    """Return ⟨a, b⟩ over all parameters; with `members` one number per member, (K,).

    Example:
        >>> dot({"x": torch.tensor([1.0, 2.0])}, {"x": torch.tensor([3.0, 4.0])})
        tensor(11.)
        >>> dot({"x": torch.tensor([1.0, 2.0])}, {"x": torch.tensor([3.0, 4.0])}, members=True)
        tensor([3., 8.])
    """
    products = [a[name] * b[name] for name in a]
    if members:
        return torch.stack([p.flatten(1).sum(1) if p.dim() > 1 else p for p in products]).sum(0)
    return torch.stack([p.sum() for p in products]).sum()


def aligned(number: Number, like: Tensor) -> Number:
    """Reshape one number per member to multiply a tensor: (K,) becomes (K, 1, …); a single number stays as it is.

    Example:
        >>> aligned(torch.ones(3), torch.zeros(3, 2, 2)).shape, aligned(0.5, torch.zeros(2))
        (torch.Size([3, 1, 1]), 0.5)
    """
    if not isinstance(number, Tensor) or number.dim() >= like.dim():
        return number
    return number.reshape(number.shape + (1,) * (like.dim() - number.dim()))


def is_zero(number: Number) -> bool:
    """Return whether a number is 0 without synchronising with the device; False for one number per member."""
    return not isinstance(number, Tensor) and number == 0


def times(factor: Factor, a: Direction) -> Direction:
    """Return factor · a.

    Example:
        >>> times(2.0, {"x": torch.tensor([1.0])}), times({"x": 3.0}, {"x": torch.tensor([1.0])})
        ({'x': tensor([2.])}, {'x': tensor([3.])})
    """
    if isinstance(factor, Mapping):
        return {name: aligned(factor[name], tensor) * tensor for name, tensor in a.items()}
    return {name: aligned(factor, tensor) * tensor for name, tensor in a.items()}


def plus(a: Direction, b: Direction, factor: Factor = 1.0) -> Direction:
    """Return a + factor · b over the parameters of a; parameters that b lacks stay as they are.

    Example:
        >>> plus({"x": torch.tensor([1.0])}, {"x": torch.tensor([2.0])}, -0.5)
        {'x': tensor([0.])}
    """
    if isinstance(factor, float | int):  # one kernel instead of two
        return {name: torch.add(t, b[name], alpha=factor) if name in b else t for name, t in a.items()}
    scaled = times(factor, b)
    return {name: t + scaled[name] if name in b else t for name, t in a.items()}


def choose(where: Where, a: Direction, b: Direction) -> Direction:
    """Return a where the condition holds, b elsewhere.

    Example:
        >>> choose(torch.tensor([True, False]), {"x": torch.ones(2, 1)}, {"x": torch.zeros(2, 1)})
        {'x': tensor([[1.],
                [0.]])}
    """
    if isinstance(where, bool):
        return a if where else b
    return {name: torch.where(aligned(where, tensor), tensor, b[name]) for name, tensor in a.items()}  # type: ignore[arg-type]


def copied(a: Direction) -> Direction:
    """Return a detached copy."""
    return {name: tensor.detach().clone() for name, tensor in a.items()}
