"""Free vector: a player whose parameter is its move."""

from typing import Any

import torch
from torch import Tensor, nn

from arena.players.base import Shape, size


class Vector(nn.Module):
    """A free vector, for games whose players choose a point instead of a function.

    Args:
        outputs: Shape, or number of elements.
        start: Standard deviation of the normal initial value; 0 starts at the origin.
        bound: Largest magnitude of an element, enforced at the start and after each move (weight clipping); 0 for no bound.

    Raises:
        ValueError: `start` or `bound` is negative or not finite, or the shape is empty.

    Example:
        >>> Vector(3, start=0.0)().tolist() == [0, 0, 0]
        True
        >>> bool((Vector(3, start=9.0, bound=0.5)().abs() <= 0.5).all())
        True
    """

    def __init__(self, outputs: Shape | int, start: float = 1.0, bound: float = 0.0):
        super().__init__()
        if not 0 <= start < float("inf"):
            raise ValueError(f"start is {start}, but must be a finite number of at least 0")
        if not 0 <= bound < float("inf"):
            raise ValueError(f"bound is {bound}, but must be a finite number of at least 0, where 0 sets no bound")
        shape = (outputs,) if isinstance(outputs, int) else tuple(outputs)
        if size(shape) < 1:
            raise ValueError(f"outputs is {outputs}, but must hold at least one number")
        self.bound, self.bounded = bound, bound > 0
        self.value = nn.Parameter(start * torch.randn(shape))
        self.project_()

    def forward(self) -> Tensor:
        return self.value

    def _apply(self, fn: Any, recurse: bool = True) -> "Vector":
        super()._apply(fn, recurse)
        self.project_()  # the bound may be smaller in the new precision
        return self

    @torch.no_grad()
    def project_(self) -> None:
        """Clip every element to the bound."""
        if self.bounded:
            self.value.copy_(self.value.clamp(-self.bound, self.bound))
