"""One style for all figures. Every function returns a matplotlib `Figure`, drawn without a display and without global state.

The first player is orange, the second blue, data grey. Classes have their own colours; of two domains the source is hollow, the
target filled. Errors are orange.
"""

import functools
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from arena.trace.writing import write_whole

FIRST, SECOND, DATA, INK = "#e4572e", "#2e6fb7", "#9aa0a6", "#22262a"
ATTRACTED, REPELLED = "#1b8a78", "#8e3b9e"
CLASSES = ("#1b8a78", "#8e3b9e", "#e0a526", "#56b4e9", "#c0304d", "#8fb339", "#8c564b", "#e78ac3", "#5f6670", "#274b8f")
SURFACE = LinearSegmentedColormap.from_list("surface", ["#f2b89c", "#fbe6dc", "#f6f6f6", "#d9e8f8", "#8fbcea"])
CLASS_SURFACE = LinearSegmentedColormap.from_list("classes", ["#a9d8cf", "#f6f6f6", "#d8b4e0"])
"""Colours of the probability of class 1."""
DIFFERENCE = LinearSegmentedColormap.from_list("difference", [FIRST, "#ffffff", SECOND])
DPI = 200
WIDEST, TALLEST = 3400, 30_000
"""Largest width and height of a sheet of pictures, in dots, that decide its columns."""
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
    """Draw in the project's style, independently of the user's matplotlib settings."""

    @functools.wraps(draw)
    def inside(*arguments: P.args, **options: P.kwargs) -> R:
        with matplotlib.rc_context(STYLE):
            return draw(*arguments, **options)

    return inside


@styled
def figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, np.ndarray]:
    """Return an empty figure of a size in inches, and its axes as a rows × columns array."""
    drawing = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing, drawing.subplots(rows, columns, squeeze=False, **options)


@styled
def grid(rows: int, columns: int, panel: tuple[float, float], gap: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    """Return an empty figure of equal panels, and its axes; sizes in inches. It is laid out in half the time of `figure`.

    Args:
        rows: Rows of panels.
        columns: Columns of panels.
        panel: Width and height of a panel.
        gap: Room for text on the left of each panel, and below it.
    """
    width, height = (count * (size + room) for count, size, room in zip((columns, rows), panel, gap, strict=True))
    right, top = 0.15, 0.3
    drawing = Figure(figsize=(width + right, height + top), dpi=DPI)
    FigureCanvasAgg(drawing)
    drawing.subplots_adjust(gap[0] / (width + right), gap[1] / (height + top), width / (width + right), height / (height + top))
    drawing.subplots_adjust(wspace=gap[0] / panel[0], hspace=gap[1] / panel[1])
    return drawing, drawing.subplots(rows, columns, squeeze=False)


@styled
def sheet(images: Sequence[np.ndarray], titles: Sequence[str], colours: Sequence[str]) -> Figure:
    """Arrange pictures (height × width × 3 or 4) under coloured titles without scaling, so that their text keeps its size.

    Wide pictures stand below each other.
    """
    height, width = (max(sizes) for sizes in zip(*(image.shape[:2] for image in images), strict=True))
    columns = min(len(images), max(1, WIDEST // width, math.ceil(len(images) * height / TALLEST)))
    tall = height + DPI // 3
    rows = math.ceil(len(images) / columns)
    drawing = Figure(figsize=(columns * width / DPI, rows * tall / DPI), dpi=DPI)
    FigureCanvasAgg(drawing)
    for place, (image, title, colour) in enumerate(zip(images, titles, colours, strict=True)):
        row, column = divmod(place, columns)
        top = (rows - row) * tall
        drawing.figimage(image, column * width, top - tall + height - image.shape[0])
        middle, up = (column * width + image.shape[1] / 2) / (columns * width), (top - DPI // 5) / (rows * tall)
        drawing.text(middle, up, title, ha="center", va="center", fontsize=11, color=colour)
    return drawing


@styled
def to_array(drawing: Figure) -> np.ndarray:
    """Render a figure as height × width × 3 bytes.

    Example:
        >>> to_array(figure(1, 1)[0]).shape
        (200, 200, 3)
    """
    canvas = drawing.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@styled
def save(drawing: Figure, path: Any) -> None:
    """Write a figure as PNG; `savefig` would lay it out and draw it twice."""
    canvas, content = drawing.canvas, io.BytesIO()
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.print_png(content, metadata={"Software": None})
    write_whole(Path(path), content.getvalue())


def animate(frames: Sequence[Path], path: Path, milliseconds: int = 500) -> None:
    """Write PNG files of one size as an animated GIF, with the last frame shown four times as long."""
    from PIL import Image

    write_whole(path, animated([Image.open(frame).convert("RGB") for frame in frames], milliseconds, 4 * milliseconds))


def animated(frames: Sequence[Any], milliseconds: int, last: int) -> bytes:
    """Return RGB images of one size, of Pillow, as a GIF that loops.

    All frames share a palette of the colours of them all, so that none of them flickers.

    Args:
        frames: The images.
        milliseconds: Time of each.
        last: Time of the last one.
    """
    from PIL import Image

    some = [np.asarray(frames[place]) for place in np.linspace(0, len(frames) - 1, min(len(frames), 4)).round().astype(int)]
    palette = Image.fromarray(np.concatenate(some)).quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=1)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[colours.min(1) >= 248] = 255  # white stays white
    palette.putpalette(colours.flatten().tolist())
    images = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [milliseconds] * (len(images) - 1) + [last]
    content = io.BytesIO()
    images[0].save(content, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=False)
    return content.getvalue()
