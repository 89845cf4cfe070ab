"""Pictures: one look for all of them. Everything returns a matplotlib `Figure`, drawn without a display and without global state.

The first player is always orange, the second blue, data grey. Classes have colours of their own; of two domains the source is hollow, the
target filled. Whatever is wrong is orange.
"""

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

FIRST, SECOND, DATA, INK = "#e4572e", "#2e6fb7", "#9aa0a6", "#22262a"

ATTRACTED, REPELLED = "#1b8a78", "#8e3b9e"

CLASSES = ("#1b8a78", "#8e3b9e", "#e0a526", "#56b4e9", "#c0304d", "#8fb339", "#8c564b", "#e78ac3", "#5f6670", "#274b8f")

SURFACE = LinearSegmentedColormap.from_list("surface", ["#f9d9c9", "#ffffff", "#bcd6f2"])

CLASS_SURFACE = LinearSegmentedColormap.from_list("classes", ["#cfe8e3", "#ffffff", "#e8d3ec"])
"""Of the probability of class 1."""

DIFFERENCE = LinearSegmentedColormap.from_list("difference", [FIRST, "#ffffff", SECOND])

DPI = 200

WIDEST, TALLEST = 3400, 30_000
"""Dots of a sheet of pictures, beyond which one more column is not begun, or is."""

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": "#c8ccd0",
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#eceef0",
    "grid.linewidth": 0.8,
    "xtick.color": "#5f6670",
    "ytick.color": "#5f6670",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
}

P = ParamSpec("P")

R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw in the project's look, whatever the user's own matplotlib settings are."""

    @functools.wraps(draw)
    def inside(*arguments: P.args, **options: P.kwargs) -> R:
        with matplotlib.rc_context(STYLE):
            return draw(*arguments, **options)

    return inside


@styled
def figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, np.ndarray]:
    """An empty figure of that size in inches, and its axes as a rows × columns array."""
    made = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(made)
    return made, made.subplots(rows, columns, squeeze=False, **options)


@styled
def sheet(images: Sequence[np.ndarray], titles: Sequence[str], colours: Sequence[str]) -> Figure:
    """Pictures under their titles, dot for dot, so that what is written in them stays as large as it was: wide ones below each other.

    Args:
        images: height × width × 3 or 4 each.
        titles: one for each.
        colours: of the titles.
    """
    height, width = (max(sizes) for sizes in zip(*(image.shape[:2] for image in images), strict=True))
    columns = min(len(images), max(1, WIDEST // width, math.ceil(len(images) * height / TALLEST)))
    tall = height + DPI // 3
    rows = math.ceil(len(images) / columns)
    made = Figure(figsize=(columns * width / DPI, rows * tall / DPI), dpi=DPI)
    FigureCanvasAgg(made)
    for place, (image, title, colour) in enumerate(zip(images, titles, colours, strict=True)):
        row, column = divmod(place, columns)
        top = (rows - row) * tall
        made.figimage(image, column * width, top - tall + height - image.shape[0])
        middle, up = (column * width + image.shape[1] / 2) / (columns * width), (top - DPI // 5) / (rows * tall)
        made.text(middle, up, title, ha="center", va="center", fontsize=11, color=colour)
    return made


@styled
def to_array(made: Figure) -> np.ndarray:
    """A figure as height × width × 3 bytes.

    Example:
        >>> to_array(figure(1, 1)[0]).shape
        (200, 200, 3)
    """
    canvas = made.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@styled
def save(made: Figure, path: Any) -> None:
    """Write a figure as PNG."""
    made.savefig(path, dpi=made.dpi, metadata={"Software": None})


def animate(frames: Sequence[Path], path: Path, milliseconds: int = 500) -> None:
    """Pictures of one size as a moving GIF, which stays on the last for four times as long.

    Args:
        frames: PNG files.
        path: of the GIF.
        milliseconds: for which each is shown.
    """
    from PIL import Image

    images = [Image.open(frame).convert("P", palette=Image.Palette.ADAPTIVE) for frame in frames]
    durations = [milliseconds] * (len(images) - 1) + [4 * milliseconds]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0)
