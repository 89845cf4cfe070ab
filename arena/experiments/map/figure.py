"""The picture of a map: the score of every cell in colour, with marks on diverged and collapsed cells and on the best one."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.ticker import LogFormatterSciNotation as Powers

from arena.experiments.map.played import Map
from arena.experiments.map.results import Cell
from arena.experiments.values import Axis, short, word_of
from arena.experiments.verdict import Verdict
from arena.plots.style import FIRST, INK, SECOND, styled

COLOURS: Colormap = LinearSegmentedColormap.from_list("score", colormaps["viridis"](np.linspace(0.02, 1.0, 256))[::-1])
"""Perceptually uniform: yellow is good, dark blue is bad."""
GONE, NOWHERE = "#f3e1db", "#e4e6e8"
TAIL = 0.02
"""Share of the scores on either side that may lie outside the colours, so that outliers do not stretch them."""
WIDE = 8.0
"""Ratio of highest to lowest score above which colours are logarithmic."""
SIDE, MARGIN = 4.9, 0.12
"""Width of the map and margin of the picture, in inches."""
SPAN = 1e4
"""Largest ratio of highest to lowest score that colours show."""


@styled
def draw(found: Map) -> Figure:
    """Return the picture of a map."""
    x, y, made = found.plan.x, found.plan.y, found.cells
    roles = found.plan.base().roles
    shape = (len(y.values), len(x.values))
    tall = min(1.0, max(0.36, 0.12 * shape[0])) if y.scale == "list" else 1.0
    picture = Figure(figsize=(SIDE, SIDE), dpi=200)
    FigureCanvasAgg(picture)
    axis = picture.add_axes((0.0, 0.0, 1.0, tall))
    left, below = _edges(x), _edges(y)
    score = np.ma.masked_invalid(np.array([cell.score for cell in made]).reshape(shape))
    norm, beyond = colour_range(score.compressed(), found.ceiling)
    if isinstance(norm, LogNorm):
        score = np.ma.maximum(score, 0.99 * float(norm.vmin or 1))  # a score of 0 has no logarithm and is put below the lower end
    mesh = axis.pcolormesh(left, below, score, cmap=COLOURS, norm=norm, linewidth=0, rasterized=True)
    _ticks(axis, x, "x", roles)
    _ticks(axis, y, "y", roles)
    axis.grid(False)
    for side in axis.spines.values():
        side.set_visible(True)
        side.set(color="#8b929a", linewidth=0.8)
    handles = _marks(axis, made, left, below, x, y)
    if (best := found.best) is not None:
        at = (_place(x, best.x), _place(y, best.y))
        axis.plot(*at, marker="*", markersize=15, color="white", markeredgecolor=INK, markeredgewidth=1.0, linestyle="none", zorder=6)
        star = Line2D([], [], marker="*", markersize=11, color="white", markeredgecolor=INK, markeredgewidth=0.9, linestyle="none")
        handles.append((star, f"best: {best.score:.3g}{_against(best.score, found.ceiling)} at {_where(found, best)}"))
    _title(axis, found)
    words: Any = axis.xaxis.get_tightbbox()
    lowest = words.y0 / picture.dpi - 0.12
    axis.legend(
        [handle for handle, _ in handles],
        [text for _, text in handles],
        loc="upper left",
        bbox_to_anchor=(-0.02, lowest / (SIDE * tall)),
        ncols=2,
        fontsize=8.5,
        handlelength=1.8,
        handleheight=1.2,
        columnspacing=2.0,
        labelcolor=INK,
        borderaxespad=0,
    )
    if score.count():
        _colour_bar(picture, axis, mesh, found, norm, beyond)
    _fit(picture, axis, tall)
    return picture


def colour_range(scores: np.ndarray, ceiling: float | None = None) -> tuple[Normalize, str]:
    """Return the norm from scores to [0, 1], and the ends with scores beyond them: neither, min, max or both.

    Colours run from the lowest score, or the score of real data if it is lower, to the quantile 1 − `TAIL`. They are logarithmic if all
    scores are above 0 and the ends are `WIDE` apart.

    Example:
        >>> norm, beyond = colour_range(np.array([0.1, 0.2, 0.5, 0.7, *[1.0] * 95, 1e9]), ceiling=0.05)
        >>> type(norm).__name__, norm.vmin, round(float(norm.vmax), 3), beyond
        ('LogNorm', 0.05, 1.0, 'max')
    """
    if not len(scores):
        return Normalize(0, 1), "neither"
    above = scores[scores > 0] if scores.min() == 0 and scores.any() else scores
    low, high = float(above.min()), float(np.quantile(scores, 1 - TAIL, method="lower"))
    if low > 0 and high > SPAN * low:
        low = max(low, float(np.quantile(scores, TAIL)), high / SPAN)
    if ceiling is not None and 0 < ceiling < low <= 100 * ceiling:
        low = ceiling
    if high <= low:
        high = low + (abs(low) or 1.0) * 0.1
    over, under = bool(scores.max() > high * (1 + 1e-9)), bool(scores.min() < low)
    norm = LogNorm(low, high) if low > 0 and high >= WIDE * low else Normalize(low, high)
    return norm, {(True, True): "both", (True, False): "max", (False, True): "min"}.get((over, under), "neither")


# Axes ---------------------------------------------------------------------------------------------------------------------------


def edges(values: Sequence[Any], log: bool = False) -> np.ndarray:
    """Return the sides of cells, halfway between their centres.

    Args:
        values: centres of the cells, as numbers.
        log: whether the axis is logarithmic.

    Example:
        >>> edges([0, 1, 3]).tolist(), edges([1, 100], log=True).round(2).tolist()
        ([-0.5, 0.5, 2.0, 4.0], [0.1, 10.0, 1000.0])
    """
    at = np.log(np.array(values, dtype=float)) if log else np.array(values, dtype=float)
    middle = (at[1:] + at[:-1]) / 2 if len(at) > 1 else at + 0.5
    sides = np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]] if len(at) > 1 else []])
    return np.exp(sides) if log else sides


def _edges(axis: Axis) -> np.ndarray:
    return edges(range(len(axis.values)) if axis.scale == "list" else axis.values, axis.scale == "log")


def _place(axis: Axis, value: Any) -> float:
    return float(axis.values.index(value)) if axis.scale == "list" else float(value)


def _ticks(axis: Any, along: Axis, which: str, roles: Sequence[str]) -> None:
    side = getattr(axis, f"{which}axis")
    colour = dict(zip(roles, (FIRST, SECOND), strict=True)).get(along.name.partition(".")[0], INK)
    getattr(axis, f"set_{which}label")(along.name, fontsize=10.5, color=colour)
    if along.scale == "log":
        getattr(axis, f"set_{which}scale")("log")
        few = float(along.values[-1]) < 100 * float(along.values[0])
        side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=20))
        side.set_minor_locator(LogLocator(subs=range(2, 10), numticks=200))
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}") if few else Powers())
        side.set_minor_formatter(NullFormatter())
    elif along.scale == "list":
        words = [word_of(v) for v in along.values]
        every = math.ceil(len(words) / (12 if along.numeric else 40))
        slanted = which == "x" and len("".join(words[::every])) > 60
        slant: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        side.set_ticks(range(0, len(words), every), words[::every], **slant)
        side.set_minor_locator(NullLocator())
    axis.tick_params(axis=which, which="major", length=4, width=0.8, color="#8b929a", labelsize=9)
    axis.tick_params(axis=which, which="minor", length=2, width=0.6, color="#b4bac0")


# Marks --------------------------------------------------------------------------------------------------------------------------


def _marks(axis: Any, made: Sequence[Cell], left: np.ndarray, below: np.ndarray, x: Axis, y: Axis) -> list[tuple[Any, str]]:
    """Mark cells without a score or with a collapsed player; return the entries of the legend."""
    states = np.array([cell.verdict for cell in made], dtype=object).reshape(len(y.values), len(x.values))
    handles: list[tuple[Any, str]] = []
    gone = [(Verdict.DIVERGED, GONE, "////", FIRST), (Verdict.UNDEFINED, NOWHERE, "....", "#7d848c"), (Verdict.FAILED, GONE, "xxxx", INK)]
    for state, face, hatch, colour in gone:
        there = states == state
        if there.any():
            corners = [_corners(left, below, i, j) for j, i in np.argwhere(there)]
            axis.add_collection(PolyCollection(corners, facecolor=face, edgecolor=colour, linewidth=0, hatch=hatch, zorder=2))
            axis.add_collection(LineCollection(_border(there, left, below), colors=colour, linewidth=1.1, capstyle="round", zorder=3))
            count = f"{state}: {there.sum():,} of {there.size:,}"
            handles.append((Patch(facecolor=face, edgecolor=colour, linewidth=1.0, hatch=hatch), count))
    there = states == Verdict.COLLAPSED
    if there.any():
        rows, columns = np.nonzero(there)
        size = min(6.0, 150 / max(states.shape))
        look: dict[str, Any] = {"marker": "x", "color": "white", "linestyle": "none", "markeredgewidth": max(0.8, size / 5)}
        axis.plot([_place(x, x.values[i]) for i in columns], [_place(y, y.values[j]) for j in rows], markersize=size, zorder=4, **look)
        key = (Patch(facecolor=COLOURS(0.75), linewidth=0), Line2D([], [], markersize=6, **{**look, "markeredgewidth": 1.2}))
        handles.append((key, f"collapsed: {there.sum():,} of {there.size:,}"))
    return handles


def _corners(left: np.ndarray, below: np.ndarray, i: int, j: int) -> list[tuple[float, float]]:
    return [(left[i], below[j]), (left[i + 1], below[j]), (left[i + 1], below[j + 1]), (left[i], below[j + 1])]


def _border(there: np.ndarray, left: np.ndarray, below: np.ndarray) -> list[list[tuple[float, float]]]:
    """Return the border of a set of cells, without the frame of the map."""
    upright = [[(left[i + 1], below[j]), (left[i + 1], below[j + 1])] for j, i in np.argwhere(there[:, 1:] != there[:, :-1])]
    level = [[(left[i], below[j + 1]), (left[i + 1], below[j + 1])] for j, i in np.argwhere(there[1:] != there[:-1])]
    return upright + level


# Words --------------------------------------------------------------------------------------------------------------------------


def _title(axis: Any, found: Map) -> None:
    plan = found.plan
    flat = plan.config(plan.keys[0]).flat()
    turns = {"turns"} & {plan.x.name, plan.y.name}
    notes = ["" if turns else f"after {flat['turns']:,} turns", f"{len(plan.x.values)} × {len(plan.y.values)} cells"]
    notes.append(plan.per_cell)
    name = plan.base().game.name
    axis.set_title(f"{name}: {plan.base().score_name} over two settings", loc="left", fontsize=12.5, fontweight="bold", pad=22)
    words = ", ".join(word for word in notes if word)
    axis.annotate(words, (0, 1), (0, 7), xycoords="axes fraction", textcoords="offset points", fontsize=9, color="#5f6670", va="bottom")


def _against(score: float, ceiling: float | None) -> str:
    return f" ({score / ceiling:.2f} × real data)" if ceiling else ""


def _where(found: Map, cell: Cell) -> str:
    return f"{found.plan.x.name} {short(cell.x)}, {found.plan.y.name} {short(cell.y)}"


def _colour_bar(picture: Figure, axis: Any, mesh: Any, found: Map, norm: Normalize, beyond: str) -> None:
    """Draw a colour bar of the height of the map, with the scores of real data and untrained players among its ticks."""
    bar = picture.colorbar(mesh, cax=axis.inset_axes((1.03, 0.0, 0.036, 1.0)), extend=beyond, extendfrac=0.035)
    bar.outline.set_visible(False)
    bar.ax.grid(False)
    low, high = float(norm.vmin or 0), float(norm.vmax or 1)
    landmarks = {"real data": found.ceiling, "untrained": found.untrained}
    shown = {words: value for words, value in landmarks.items() if value is not None and low <= value <= high}
    if isinstance(norm, LogNorm):
        steps = (1.0,) if high > 300 * low else (1.0, 2.0, 5.0)
        ticks = LogLocator(subs=steps, numticks=50).tick_values(low, high)
        bar.ax.yaxis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=200))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ticks = MaxNLocator(6).tick_values(low, high)
    near = lambda value: min((abs(float(norm(value)) - float(norm(mark))) for mark in shown.values()), default=1.0) < 0.03  # noqa: E731
    free = [float(tick) for tick in ticks if low <= tick <= high and not near(tick)]
    bar.set_ticks(free, labels=[f"{tick:g}" if 1e-3 <= abs(tick) < 1e5 or tick == 0 else f"{tick:.0e}" for tick in free])
    bar.ax.tick_params(which="both", color="#8b929a", labelsize=9)
    name = "\n".join(textwrap.wrap(found.plan.base().score_name, 18))
    bar.ax.set_title(f"{name}\n(lower is better)", fontsize=9, color=INK, loc="left", pad=8)
    for words, value in shown.items():
        bar.ax.axhline(value, color="white", linewidth=3.2)
        bar.ax.axhline(value, color=INK, linewidth=1.5)
        at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "annotation_clip": False}
        bar.ax.annotate(f"{value:.2g} {words}", (1.0, value), (6.5, 0), va="center", fontsize=9, color=INK, fontweight="bold", **at)


def _fit(picture: Figure, axis: Any, tall: float) -> None:
    """Fit the size of the figure to its contents."""
    around = picture.get_tightbbox()
    width, height = around.width + 2 * MARGIN, around.height + 2 * MARGIN
    picture.set_size_inches(width, height)
    axis.set_position(((MARGIN - around.x0) / width, (MARGIN - around.y0) / height, SIDE / width, SIDE * tall / height))
