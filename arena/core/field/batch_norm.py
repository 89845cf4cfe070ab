"""Batch normalisation in plain arithmetic, for second derivatives and populations.

The graph of the gradients of torch's own layer holds nodes that pass on nothing, which look like those of an operation without a second
derivative, and under `torch.vmap` the derivative is lost. These few operations have derivatives of every order and give the same numbers
and running statistics, to rounding (S. Ioffe, C. Szegedy, "Batch Normalization", arXiv:1502.03167, algorithm 1):

    y = (x − E x) / √(Var x + ε) · γ + β        r ← (1 − m) r + m · (E x, N/(N − 1) Var x)

over all axes but the channels', with r the running statistics and m the momentum (1/t if the layer's momentum is None).
"""

import contextlib
from collections.abc import Iterator, Sequence
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

Layer = nn.modules.batchnorm._BatchNorm


def layers_of(module: nn.Module) -> list[Any]:
    """Return the batch normalisation layers within a module."""
    return [m for m in module.modules() if isinstance(m, Layer)]


@contextlib.contextmanager
def in_plain_arithmetic(layers: Sequence[Any]) -> Iterator[None]:
    """Let the layers compute by `normalised` within the block.

    Example:
        >>> layer, x = nn.BatchNorm1d(2), torch.randn(8, 2)
        >>> wanted = nn.BatchNorm1d(2)(x)
        >>> with in_plain_arithmetic([layer]):
        ...     bool(torch.allclose(layer(x), wanted, atol=1e-6))
        True
    """
    for layer in layers:
        layer.__dict__["forward"] = MethodType(normalised, layer)
    try:
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)


def normalised(layer: Any, x: Tensor) -> Tensor:
    """Return a batch normalisation layer's output for x of shape (N, C, …), and update the layer's running statistics."""
    axes = [0, *range(2, x.dim())]
    broad = lambda t: t.reshape(-1, *(1,) * (x.dim() - 2))  # noqa: E731
    if layer.training or layer.running_mean is None:
        mean, variance = x.mean(axes), x.var(axes, correction=0)
        if layer.training and layer.track_running_stats and layer.running_mean is not None:
            with torch.no_grad():
                count = x.numel() // x.shape[1]
                layer.num_batches_tracked.add_(1)
                momentum = 1 / layer.num_batches_tracked if layer.momentum is None else layer.momentum
                layer.running_mean.mul_(1 - momentum).add_(momentum * mean.detach())
                layer.running_var.mul_(1 - momentum).add_(momentum * variance.detach() * (count / max(count - 1, 1)))
    else:
        mean, variance = layer.running_mean, layer.running_var
    y = (x - broad(mean)) * broad((variance + layer.eps).rsqrt())
    return y * broad(layer.weight) + broad(layer.bias) if layer.affine else y
