"""Batch normalisation with separate statistics for two domains, and shared scale and shift.

    y = (x − μ_d) / √(σ²_d + ε) · γ + β

μ_d and σ²_d are those of domain d's batch in training, and their running averages in evaluation.

W.-G. Chang et al., "Domain-Specific Batch Normalization", arXiv:1906.03950; there, γ and β are separate too.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


class DomainNorm(nn.Module):
    """Domain-specific batch normalisation, built from an ordinary layer.

    Args:
        layer: Batch normalisation layer to replace; its settings, scale and shift are kept.

    Attributes:
        which: Domain of the current examples, 0 or 1; set by `use`.
    """

    def __init__(self, layer: Any):
        super().__init__()
        settings = {"eps": layer.eps, "momentum": layer.momentum, "track_running_stats": layer.track_running_stats}
        self.of_domain = nn.ModuleList(type(layer)(layer.num_features, affine=False, **settings) for _ in range(2))
        self.weight, self.bias = layer.weight, layer.bias
        self.which = 0

    def forward(self, x: Tensor) -> Tensor:
        y = self.of_domain[self.which](x)
        if self.weight is None:
            return y
        shape = (-1, *(1,) * (x.dim() - 2))
        return torch.addcmul(self.bias.reshape(shape), y, self.weight.reshape(shape))


def per_domain(module: nn.Module) -> nn.Module:
    """Replace every batch normalisation layer of a module by a `DomainNorm`, in place, and return the module.

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
    """Let the module normalise examples of domain `which` within the block: 0 for the source, 1 for the target."""
    layers = [m for m in module.modules() if isinstance(m, DomainNorm)]
    try:
        for layer in layers:
            layer.which = which
        yield
    finally:
        for layer in layers:
            layer.which = 0
