"""A player that is a point: its only parameter is what it plays."""

import torch
from torch import Tensor, nn

from players.base import Shape, size


class Vector(nn.Module):
    """A free vector, for games whose players choose a point rather than a function.

    Args:
        outputs: its shape, or its number of elements.
        start: standard deviation of the normal distribution that it starts from; 0 starts at the origin.

    Raises:
        ValueError: where `start` is negative or not finite.

    Example:
        >>> Vector(3, start=0.0)().tolist() == [0, 0, 0]
        True
    """

    def __init__(self, outputs: Shape | int, start: float = 1.0):
        super().__init__()
        if not 0 <= start < float("inf"):
            raise ValueError(f"start is {start}, but must be a finite number of at least 0")
        shape = (outputs,) if isinstance(outputs, int) else tuple(outputs)
        if size(shape) < 1:
            raise ValueError(f"outputs is {outputs}, but must hold at least one number")
        self.value = nn.Parameter(start * torch.randn(shape))

    def forward(self) -> Tensor:
        return self.value
