"""Generated points over real ones: in the plane over the surface of a discriminator, in other spaces along two axes."""

from collections.abc import Callable

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from arena.core.view import Keep, free
from arena.plots.style import FIRST, SURFACE, figure, styled


@styled
def plane(real: Tensor, fake: Tensor, probability: Callable[[Tensor], Tensor], keep: Keep = free) -> Figure:
    """Draw N × 2 generated points over real ones, on the surface of the discriminator's probability (M × 2 points to M numbers).

    `keep` is the game's `fixed`, for limits that do not change in a film.
    """
    device = fake.device
    real, fake = real.cpu().float(), fake.cpu().float()
    middle = (real.amax(0) + real.amin(0)) / 2
    middle = keep("middle", middle)
    half = keep("half", float((real.amax(0) - real.amin(0)).amax()) / 2 * 1.25)
    drawing, axes = figure(4.9, 4.3)
    axis = axes[0, 0]
    ticks = torch.linspace(-half, half, 120)
    grid = torch.stack(torch.meshgrid(ticks + middle[0], ticks + middle[1], indexing="xy"))
    surface = probability(grid.flatten(1).T.to(device)).cpu().float().reshape(grid.shape[1:]).numpy()
    x, y = grid.numpy()
    mesh = axis.contourf(x, y, surface, levels=np.linspace(0, 1, 21), cmap=SURFACE, vmin=0, vmax=1)
    axis.scatter(*real.T.numpy(), s=4, color="#5f6670", alpha=0.5, linewidths=0, label="data")
    axis.scatter(*fake.T.numpy(), s=4, color=FIRST, alpha=0.6, linewidths=0, label="generated")
    axis.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), aspect="equal", xlabel="x₁", ylabel="x₂")
    axis.locator_params(integer=True)
    axis.grid(False)
    bar = drawing.colorbar(mesh, ax=axis, ticks=[0, 0.5, 1], aspect=30, pad=0.02)
    bar.set_label("discriminator: probability of being data", fontsize=8)
    bar.outline.set_visible(False)
    drawing.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=3)
    return drawing


@styled
def clouds(real: Tensor, fake: Tensor, keep: Keep = free) -> Figure:
    """Draw N × D generated points over real ones along the two principal axes of the real ones."""
    real, fake = real.cpu().double().flatten(1), fake.cpu().double().flatten(1)
    centre = real.mean(0)
    _, _, axes_DD = torch.linalg.svd(real - centre, full_matrices=False)
    axes_2D = torch.cat([axes_DD[:2], torch.zeros(max(0, 2 - len(axes_DD)), real.shape[1], dtype=real.dtype)])
    real, fake = ((points - centre) @ axes_2D.T for points in (real, fake))
    half = keep("half", float(real.abs().amax()) * 1.25 or 1.0)
    drawing, axes = figure(4.3, 4.3)
    axis = axes[0, 0]
    axis.scatter(*real.T.numpy(), s=6, color="#5f6670", alpha=0.5, linewidths=0, label="data")
    axis.scatter(*fake.T.numpy(), s=6, color=FIRST, alpha=0.6, linewidths=0, label="generated")
    axis.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xlabel="first principal axis of the data", ylabel="second")
    drawing.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=3)
    return drawing
