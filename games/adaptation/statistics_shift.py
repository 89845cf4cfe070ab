"""How far apart the domains are in the inputs of batch normalisation.

    shift = mean over layers and channels of |μ_S − μ_T| / √((σ²_S + σ²_T)/2)

with μ and σ² a channel's mean and variance over each domain's examples. A layer that normalises both domains by common statistics leaves
this shift in its outputs. Y. Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", arXiv:1603.04779.

Shapes: N, M = examples, C = channels.
"""

import contextlib
from typing import Any

import torch
from torch import Tensor, nn

from arena.core.field.batch_norm import layers_of

TINY = 1e-12


def statistics_shift(module: nn.Module, source: Tensor, target: Tensor) -> Tensor | None:
    """Return the shift of a module's batch normalisation between two sets of examples; None if it has no such layer.

    Example:
        >>> net, x = nn.Sequential(nn.BatchNorm1d(2)), torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
        >>> float(statistics_shift(net, x, x)), round(float(statistics_shift(net, x, x + x.std(0, correction=0))), 3)
        (0.0, 1.0)
    """
    seen: list[list[Tensor]] = []
    for examples in (source, target):
        inputs: list[Tensor] = []
        with contextlib.ExitStack() as stack:
            for layer in layers_of(module):
                hook = layer.register_forward_pre_hook(lambda _, given, into=inputs: into.append(given[0]))
                stack.callback(hook.remove)
            module(examples)
        seen.append(inputs)
    shifts = [_shift(*pair) for pair in zip(*seen, strict=True)]
    return torch.stack(shifts).mean() if shifts else None


def _shift(source_NC: Tensor, target_MC: Tensor) -> Tensor:
    (m, v), (n, w) = ((x.mean(axes), x.var(axes, correction=0)) for x, axes in map(_with_axes, (source_NC, target_MC)))
    return ((m - n).abs() / ((v + w) / 2 + TINY).sqrt()).mean()


def _with_axes(x: Tensor) -> tuple[Tensor, Any]:
    return x, [0, *range(2, x.dim())]
