"""Grids of images."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from arena.plots.style import figure, styled


@styled
def image_grids(panels: Mapping[str, Tensor], columns: int = 8) -> Figure:
    """Draw grids of N × C × H × W images (pixels in [0, 1], C 1 or 3) side by side, under their titles."""
    tiles = {title: tiled(images, columns) for title, images in panels.items()}
    height = max(4.4 * t.shape[0] / t.shape[1] for t in tiles.values())
    drawing, axes = figure(4.4 * len(tiles), height + (0.3 if any(tiles) else 0), 1, len(tiles))
    for axis, (title, tile) in zip(axes[0], tiles.items(), strict=True):
        axis.imshow(tile, interpolation="nearest")
        axis.set_axis_off()
        axis.set_title(title)
    return drawing


def tiled(images: Tensor, columns: int = 8) -> np.ndarray:
    """Tile N × C × H × W images with pixels in [0, 1] into one, height × width × 3, with white lines between them."""
    from torchvision.utils import make_grid

    small = images.detach().cpu().float().clamp(0, 1)
    return make_grid(small, nrow=columns, padding=1, pad_value=1.0).permute(1, 2, 0).numpy()
