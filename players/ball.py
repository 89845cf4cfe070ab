"""Norm balls of perturbations: projection, steepest ascent and uniform sampling.

    L∞    B = {δ : |δᵢ| ≤ ε}         L2    B = {δ : ‖δ‖₂ ≤ ε}         with 0 ≤ x + δ ≤ 1 in every pixel

A perturbation is projected onto the ball first, then onto the pixel range. The second projection only shortens coordinates, because
δ = 0 is in range, so the result satisfies both constraints. For L∞ it is the nearest such point.

Shapes: N = batch, * = the shape of one image.
"""

import math
from typing import Literal

import torch
from torch import Tensor

Norm = Literal["linf", "l2"]


def into_ball(delta_N: Tensor, norm: Norm, epsilon: float | Tensor) -> Tensor:
    """Project perturbations, (N, *), onto the linf or l2 ball of radius ε ≥ 0.

    Example:
        >>> into_ball(torch.tensor([[3.0, -4.0]]), "linf", 1.0).tolist(), into_ball(torch.tensor([[3.0, -4.0]]), "l2", 1.0).tolist()
        ([[1.0, -1.0]], [[0.6000000238418579, -0.800000011920929]])
    """
    if norm == "linf":
        return torch.clamp(delta_N, -epsilon, epsilon)  # type: ignore[arg-type]
    return delta_N * (epsilon / _lengths(delta_N)).clamp(max=1.0)


def into_range(delta_N: Tensor, image_N: Tensor) -> Tensor:
    """Project perturbations so that every pixel of x + δ is in [0, 1].

    Example:
        >>> into_range(torch.tensor([[-0.5, 0.5, 0.1]]), torch.tensor([[0.25, 0.75, 0.5]])).tolist()
        [[-0.25, 0.25, 0.10000000149011612]]
    """
    return delta_N.clamp(-image_N, 1 - image_N)


def steepest(gradient_N: Tensor, norm: Norm) -> Tensor:
    """Return the unit direction of steepest ascent: sign(g) for L∞, g/‖g‖₂ of each image for L2.

    Example:
        >>> steepest(torch.tensor([[3.0, -4.0]]), "linf").tolist(), steepest(torch.tensor([[3.0, -4.0]]), "l2").tolist()
        ([[1.0, -1.0]], [[0.6000000238418579, -0.800000011920929]])
    """
    return gradient_N.sign() if norm == "linf" else gradient_N / _lengths(gradient_N)


def uniform(shape: tuple[int, ...], norm: Norm, rng: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Sample perturbations of shape (N, *) and a dtype uniformly from the linf or l2 unit ball.

    For L2 in d dimensions: a uniform direction times U^(1/d), with U uniform in [0, 1]. Random numbers are drawn in the default dtype.

    Example:
        >>> delta = uniform((100, 3), "l2", torch.Generator().manual_seed(0))
        >>> delta.shape, bool((delta.norm(dim=1) <= 1).all())
        (torch.Size([100, 3]), True)
    """
    if norm == "linf":
        return torch.rand(shape, generator=rng, device=rng.device).to(dtype).mul_(2).sub_(1)
    direction = torch.randn(shape, generator=rng, device=rng.device).to(dtype)
    radius = torch.rand(shape[0], *[1] * (len(shape) - 1), generator=rng, device=rng.device).to(dtype) ** (1 / math.prod(shape[1:]))
    return radius * direction / _lengths(direction)


def _lengths(delta_N: Tensor) -> Tensor:
    """Return Euclidean norms, (N, 1, …), clamped above 0."""
    axes = tuple(range(1, delta_N.dim()))
    return torch.linalg.vector_norm(delta_N, dim=axes, keepdim=True).clamp_min(torch.finfo(delta_N.dtype).tiny)
