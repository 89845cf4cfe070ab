"""Sliced Wasserstein distance of generated to real samples, and its value for real samples."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor


def sliced_wasserstein(a_ND: Tensor, b_ND: Tensor, directions_DP: Tensor) -> Tensor:
    """Return the sliced Wasserstein distance SW₁ = E_θ W₁(θᵀa, θᵀb), averaged over the given directions.

    In one dimension, W₁ is the mean distance between sorted samples (Rabin et al., 2011). Directions are P unit vectors as columns.

    Example:
        >>> a = torch.tensor([[0.0], [1.0]])
        >>> float(sliced_wasserstein(a, a + 3, torch.ones(1, 1)))
        3.0
    """
    a, b = (ascending((x @ directions_DP).T) for x in (a_ND, b_ND))
    return (a - b).abs().mean()


def ascending(x: Tensor) -> Tensor:
    """Sort along the last axis.

    Uses NumPy on a CPU, where its sort takes a twentieth of the time of torch's and would dominate a population's scores.

    Example:
        >>> ascending(torch.tensor([[3.0, 1.0, 2.0]])).tolist()
        [[1.0, 2.0, 3.0]]
    """
    return _Ascending.apply(x)


class _Ascending(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        if x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64):
            return torch.from_numpy(np.sort(x.detach().numpy(), axis=-1))
        return x.sort(dim=-1).values

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.zeros_like(x).scatter(-1, x.argsort(dim=-1), gradient)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], x: Tensor) -> tuple[Tensor, int]:
        return ascending(x.movedim(in_dims[0], 0)), 0


def directions(dim: int, count: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return `count` unit vectors as columns, (dim, count): equally spaced angles in the plane, otherwise a fixed random set.

    Args:
        dim: Numbers of a vector.
        count: Number of vectors.
        dtype: Precision of the vectors; the random set is drawn in the default dtype.

    Example:
        >>> directions(2, 4).shape, directions(64, 8).shape
        (torch.Size([2, 4]), torch.Size([64, 8]))
    """
    if dim == 2:
        angle = torch.arange(count, dtype=dtype) * (math.pi / count)
        return torch.stack([angle.cos(), angle.sin()])
    rows = torch.randn(dim, count, generator=stream(0)).to(dtype)
    return rows / rows.norm(dim=0)


def against_real(fake: Callable[[int], Tensor], real: Callable[[int, torch.Generator], Tensor], count: int, repeats: int) -> Tensor:
    """Return the sliced Wasserstein distance of `count` generated to `count` real samples, averaged over fixed repeats.

    `fake` maps the number of a repeat to generated samples; `real` maps the count and a generator to real ones.
    """
    distances = []
    for repeat in range(repeats):
        a, b = fake(repeat).flatten(1), real(count, stream(2 * repeat + 1)).flatten(1)
        distances.append(sliced_wasserstein(a, b.to(a), directions(a.shape[1], 64, a.dtype).to(a)))
    return sum(distances[1:], start=distances[0]) / repeats


def real_ceiling(real: Callable[[int, torch.Generator], Tensor], count: int, repeats: int = 16) -> float:
    """Return `against_real` of real samples against real samples: the sampling noise."""
    return float(against_real(lambda repeat: real(count, stream(2 * repeat)), real, count, repeats))


def stream(seed: int) -> torch.Generator:
    """Return a generator of evaluation samples, independent of the run's, on the default device, which the arena sets to the game's."""
    return torch.Generator(device=torch.empty(0).device).manual_seed(1_000_003 + seed)
