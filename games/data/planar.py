"""Distributions in the plane: functions that draw n points from a generator, (n, 2) near the unit scale.

`noise` is the standard deviation of the normal noise on each coordinate; for the pinwheel, across an arm. Random numbers are drawn in the
default dtype, so that a seed gives the same points in every precision; curves and centres are computed in `dtype`.
"""

import math

import torch
from torch import Tensor


def swiss_roll(n: int, rng: torch.Generator, noise: float = 0.25, dtype: torch.dtype = torch.float32) -> Tensor:
    """Two turns of a spiral, t·(cos t, sin t) with t in [1.5π, 4.5π], plus noise, divided by 7.5.

    Two of the three axes of scikit-learn's swiss roll, as in the WGAN-GP toys (Gulrajani et al., arXiv:1704.00028).

    Example:
        >>> swiss_roll(5, torch.Generator()).shape
        torch.Size([5, 2])
    """
    t = math.pi * (1.5 + 3 * torch.rand(n, generator=rng).to(dtype))
    return torch.stack([t * t.cos(), t * t.sin()], dim=1) / 7.5 + noise / 7.5 * _normal(n, rng, dtype)


def ring(
    n: int, rng: torch.Generator, modes: int = 8, radius: float = 2.0, noise: float = 0.1, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Equal Gaussians at `modes` equal angles on a circle."""
    angle = torch.randint(modes, (n,), generator=rng).to(dtype) * (2 * math.pi / modes)
    centre = radius * torch.stack([angle.cos(), angle.sin()], dim=1)
    return centre + noise * _normal(n, rng, dtype)


def ring_centres(modes: int = 8, radius: float = 2.0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the means of the ring's Gaussians, (modes, 2)."""
    angle = torch.arange(modes, dtype=dtype) * (2 * math.pi / modes)
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1)


def two_modes(n: int, rng: torch.Generator, noise: float = 0.1, dtype: torch.dtype = torch.float32) -> Tensor:
    """Two equal Gaussians at (−1, 0) and (1, 0): the smallest data on which a generator can lose a mode.

    Example:
        >>> two_modes(5, torch.Generator(), noise=0.0).abs().tolist() == [[1, 0]] * 5
        True
    """
    side = 2 * torch.randint(2, (n,), generator=rng) - 1
    centre = torch.stack([side, torch.zeros_like(side)], dim=1)
    return centre + noise * _normal(n, rng, dtype)


def two_centres(dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the means of the two Gaussians, (2, 2)."""
    return torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=dtype)


def grid(
    n: int, rng: torch.Generator, side: int = 5, spacing: float = 1.5, noise: float = 0.05, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Equal Gaussians on a square grid centred at the origin."""
    place = torch.randint(side, (n, 2), generator=rng).to(dtype) - (side - 1) / 2
    return spacing * place + noise * _normal(n, rng, dtype)


def grid_centres(side: int = 5, spacing: float = 1.5, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the means of the grid's Gaussians, (side², 2)."""
    place = torch.cartesian_prod(torch.arange(side, dtype=dtype), torch.arange(side, dtype=dtype)) - (side - 1) / 2
    return spacing * place


def two_moons(n: int, rng: torch.Generator, noise: float = 0.1, dtype: torch.dtype = torch.float32) -> Tensor:
    """Two interleaved half circles of radius 1, centred."""
    return labelled_moons(n, rng, noise, dtype)[0]


def labelled_moons(n: int, rng: torch.Generator, noise: float | Tensor = 0.1, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Return the two moons and the moon of each point: 1 for the upper, 0 for the lower.

    Example:
        >>> points, labels = labelled_moons(100, torch.Generator(), noise=0.0)
        >>> bool((points[labels == 1, 1] >= -0.25).all()), labels.unique().tolist()
        (True, [0, 1])
    """
    angle = math.pi * torch.rand(n, generator=rng).to(dtype)
    upper = (torch.rand(n, generator=rng) < 0.5).float()
    x = torch.where(upper > 0, angle.cos(), 1 - angle.cos()) - 0.5
    y = torch.where(upper > 0, angle.sin(), 0.5 - angle.sin()) - 0.25
    return torch.stack([x, y], dim=1) + noise * _normal(n, rng, dtype), upper.long()


def pinwheel(
    n: int, rng: torch.Generator, arms: int = 5, noise: float = 0.1, twist: float = 0.25, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Gaussian arms bent into a wheel (Johnson et al., arXiv:1603.06277)."""
    arm = torch.randint(arms, (n,), generator=rng).to(dtype) * (2 * math.pi / arms)
    along = 1 + 0.3 * torch.randn(n, generator=rng).to(dtype)
    across = noise * torch.randn(n, generator=rng).to(dtype)
    angle = arm + twist * along.exp()
    cos, sin = angle.cos(), angle.sin()
    return 1.5 * torch.stack([along * cos - across * sin, along * sin + across * cos], dim=1)


def checkerboard(n: int, rng: torch.Generator, cells: int = 4, noise: float = 0.0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Uniform on the dark squares of a checkerboard over [−2, 2]²."""
    row = torch.randint(cells, (n,), generator=rng)
    column = 2 * torch.randint(cells // 2, (n,), generator=rng) + row % 2
    corner = torch.stack([column, row], dim=1)
    points = (corner + torch.rand(n, 2, generator=rng).to(dtype)) * (4 / cells) - 2
    return points + noise * _normal(n, rng, dtype)


def _normal(n: int, rng: torch.Generator, dtype: torch.dtype) -> Tensor:
    return torch.randn(n, 2, generator=rng).to(dtype)
