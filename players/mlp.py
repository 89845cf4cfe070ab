"""The multilayer perceptron: fits any slot, flattening what goes in and reshaping what comes out."""

import functools
import itertools
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from players.base import Shape, size

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": functional.relu,
    "leaky-relu": functools.partial(functional.leaky_relu, negative_slope=0.2),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "softplus": functional.softplus,
}


class MLP(nn.Module):
    """Fully connected layers with one activation between them.

    Forward hooks belong on the whole player: its layers are used by their weights, so hooks on a single layer are not called
    (parametrisations of their weights are).

    Args:
        inputs: shape of one example.
        outputs: shape of one result.
        hidden: widths of the hidden layers; empty for a linear map.
        activation: between layers; leaky-relu has the slope 0.2 that GANs use.
        final: after the last layer: none, sigmoid for pixels in [0, 1], tanh for [−1, 1], or another activation for features.

    Raises:
        ValueError: for a width below 1.

    Example:
        >>> MLP((64,), (1, 8, 8), hidden=(32,), final="sigmoid")(torch.zeros(5, 64)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self,
        inputs: Shape,
        outputs: Shape,
        hidden: tuple[int, ...] = (128, 128),
        activation: Literal["relu", "leaky-relu", "tanh", "sigmoid", "silu", "softplus"] = "leaky-relu",
        final: Literal["none", "relu", "leaky-relu", "tanh", "sigmoid", "silu", "softplus"] = "none",
    ):
        super().__init__()
        if any(width < 1 for width in hidden):
            raise ValueError(f"hidden is {hidden}, but every width must be at least 1")
        widths = [size(inputs), *hidden, size(outputs)]
        self.layers = nn.ModuleList(nn.Linear(wide, narrow) for wide, narrow in itertools.pairwise(widths))
        self.outputs = outputs
        self._activation, self._final = ACTIVATIONS[activation], ACTIVATIONS[final]

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        if x.dim() != 2:
            x = x.flatten(1)
        for layer in hidden:  # not layer(x): the calls of small layers cost as much as their arithmetic
            x = self._activation(_linear(x, layer))
        x = self._final(_linear(x, last))
        return x if len(self.outputs) == 1 else x.unflatten(1, self.outputs)


def _linear(x: Tensor, layer: Any) -> Tensor:
    return functional.linear(x, layer.weight, layer.bias)
