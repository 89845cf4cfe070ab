"""Multilayer perceptron for any slot: inputs are flattened, outputs are reshaped."""

import functools
import itertools
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from arena.players.base import Shape, size
from arena.players.spectral_norm import SpectralNorm


def _same(x: Tensor) -> Tensor:
    """Return the argument; a function with a name, because players are pickled."""
    return x


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": _same,
    "relu": functional.relu,
    "leaky-relu": functools.partial(functional.leaky_relu, negative_slope=0.2),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "softplus": functional.softplus,
}


class MLP(nn.Module):
    """Fully connected layers with one activation between them.

    Register forward hooks on the whole player: its layers are applied by their weights and not called. Parametrisations work.

    Args:
        inputs: Shape of one example.
        outputs: Shape of one result.
        hidden: Widths of the hidden layers; empty for a linear map.
        activation: Activation between layers; leaky-relu has slope 0.2.
        final: Activation of the last layer: none, sigmoid for pixels in [0, 1], tanh for [−1, 1], or another one for features.
        spectral_norm: Divide each weight by its largest singular value; see `arena.players.spectral_norm`.
        bound: Largest magnitude of a weight or bias, enforced at the start and after each move (weight clipping); 0 for no bound.

    Raises:
        ValueError: A width is below 1, or `bound` is negative or not finite.

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
        spectral_norm: bool = False,
        bound: float = 0.0,
    ):
        super().__init__()
        if not 0 <= bound < float("inf"):
            raise ValueError(f"bound is {bound}, but must be a finite number of at least 0, where 0 sets no bound")
        if any(width < 1 for width in hidden):
            raise ValueError(f"hidden is {hidden}, but every width must be at least 1")
        widths = [size(inputs), *hidden, size(outputs)]
        layers = [nn.Linear(wide, narrow) for wide, narrow in itertools.pairwise(widths)]
        self.layers = nn.ModuleList(layers)
        self.outputs = outputs
        self._activation, self._final = ACTIVATIONS[activation], ACTIVATIONS[final]
        self.bound, self.bounded = bound, bound > 0
        self.norms: nn.ModuleList | None = None
        if self.bounded:
            self._project()
        if spectral_norm:
            self.norms = nn.ModuleList(SpectralNorm(layer.weight) for layer in layers)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2:
            x = x.flatten(1)
        if self.norms is not None:
            return self._normed(x)
        *hidden, last = self.layers
        for layer in hidden:  # not layer(x): for small layers, a module call costs as much as the arithmetic
            x = self._activation(_linear(x, layer))
        x = self._final(_linear(x, last))
        return x if len(self.outputs) == 1 else x.unflatten(1, self.outputs)

    def _normed(self, x: Tensor) -> Tensor:
        for place, (layer, norm) in enumerate(self._pairs()):
            x = functional.linear(x, norm(layer.weight), layer.bias)
            x = self._activation(x) if place + 1 < len(self.layers) else self._final(x)
        return x if len(self.outputs) == 1 else x.unflatten(1, self.outputs)

    @property
    def project_(self) -> Callable[[], None] | None:
        """The projection to run after a move: clip the weights and update the spectral norms.

        None if there is nothing to do, because a call after each move is a noticeable part of a turn for small networks and populations.
        """
        return self._project if self.bounded or self.norms is not None else None

    def _project(self) -> None:
        self._clip()
        for layer, norm in self._pairs():
            norm.follow_(layer.weight)

    @torch.no_grad()
    def _clip(self) -> None:
        for layer in self.layers if self.bounded else ():
            for p in layer.parameters():
                p.copy_(p.clamp(-self.bound, self.bound))

    def _apply(self, fn: Any, recurse: bool = True) -> "MLP":
        super()._apply(fn, recurse)
        self._clip()  # the bound may be smaller in the new precision
        for layer, norm in self._pairs():
            norm.converted(layer.weight)
        return self

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Return each layer with its spectral norm; empty without norms."""
        return [] if self.norms is None else list(zip(self.layers, self.norms, strict=True))


def _linear(x: Tensor, layer: Any) -> Tensor:
    return functional.linear(x, layer.weight, layer.bias)
