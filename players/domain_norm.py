"""Batch normalisation with statistics for each of two domains, and one scale and shift for both.

    y = (x − μ_d) / √(σ²_d + ε) · γ + β

with μ_d, σ²_d of the batch of domain d in training, and their running averages of that domain when evaluating (W.-G. Chang et al.,
"Domain-Specific Batch Normalization", arXiv:1906.03950, here with γ and β in common).
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


class DomainNorm(nn.Module):
    """A batch normalisation layer made one of two domains.

    Args:
        layer: the layer whose kind, size and settings it takes; its scale and shift are taken over.

    Attributes:
        which: the domain that is going through, 0 or 1; see `use`.
    """

    def __init__(self, layer: Any):
        super().__init__()
        own = {"eps": layer.eps, "momentum": layer.momentum, "track_running_stats": layer.track_running_stats}
        self.of_domain = nn.ModuleList(type(layer)(layer.num_features, affine=False, **own) for _ in range(2))
        self.weight, self.bias = layer.weight, layer.bias
        self.which = 0

    def forward(self, x: Tensor) -> Tensor:
        y = self.of_domain[self.which](x)
        if self.weight is None:
            return y
        shape = (-1, *(1,) * (x.dim() - 2))
        return torch.addcmul(self.bias.reshape(shape), y, self.weight.reshape(shape))


def per_domain(module: nn.Module) -> nn.Module:
    """Put a `DomainNorm` into the place of every batch normalisation layer within a module, which is changed and returned.

    Example:
        >>> net = per_domain(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
        >>> with use(1, net):
        ...     _ = net(torch.randn(8, 2))
        >>> [bool(norm.running_mean.any()) for norm in net[1].of_domain]
        [False, True]
    """
    for name, child in list(module.named_children()):
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            setattr(module, name, DomainNorm(child))
        else:
            per_domain(child)
    return module


@contextlib.contextmanager
def use(which: int, module: nn.Module) -> Iterator[None]:
    """While inside, examples of that domain go through the module: 0 the source, 1 the target."""
    layers = [m for m in module.modules() if isinstance(m, DomainNorm)]
    try:
        for layer in layers:
            layer.which = which
        yield
    finally:
        for layer in layers:
            layer.which = 0
