"""Grids of images."""

from collections.abc import Mapping
from itertools import chain

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from arena.plots.style import figure, styled


@styled
def image_grids(panels: Mapping[str, Tensor], below: Mapping[str, Tensor] | None = None, columns: int = 8) -> Figure:
    """Draw grids of N × C × H × W images (pixels in [0, 1], C 1 or 3) side by side under their titles, and others `below` them."""
    rows = [{title: tiled(images, columns) for title, images in row.items()} for row in (panels, below or {}) if row]
    heights = [max(4.4 * tile.shape[0] / tile.shape[1] for tile in row.values()) + (0.45 if any(row) else 0) for row in rows]
    drawing, axes = figure(4.4 * len(panels), sum(heights), len(rows), len(panels), height_ratios=heights)
    for axis, (title, tile) in zip(axes.flat, chain.from_iterable(row.items() for row in rows), strict=False):
        axis.imshow(tile, interpolation="nearest")
        axis.set_title(title)
    for axis in axes.flat:
        axis.set_axis_off()
    return drawing


def tiled(images: Tensor, columns: int = 8) -> np.ndarray:
    """Tile N × C × H × W images with pixels in [0, 1] into one, height × width × 3, with white lines between them."""
    from torchvision.utils import make_grid

    small = images.detach().cpu().float().clamp(0, 1)
    return make_grid(small, nrow=columns, padding=1, pad_value=1.0).permute(1, 2, 0).numpy()
