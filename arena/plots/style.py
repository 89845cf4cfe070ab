"""Pictures: one look for all of them. Everything returns a matplotlib `Figure`, drawn without a display and without global state.

The first player is always orange, the second blue, data grey. Classes have colours of their own; of two domains the source is hollow, the
target filled. Whatever is wrong is orange.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from torch import Tensor

from arena.core.field.field import Field

if TYPE_CHECKING:
    from arena.core.game import Game
    from arena.engine.env import Arena
    from arena.engine.vector_env import Population

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


@styled
def game_figure(arena: "Arena | Population", caption: str | None = None) -> Figure:
    """The game's own picture, or where it has none the distribution of each player's parameters; leaves no footprints."""
    from arena.core.preserve import no_footprints

    with no_footprints(arena.game, evaluation=True), arena.on_device(), arena.put_forward():
        made = arena.game.picture() or _parameters(arena)
    if caption:
        made.suptitle(caption, fontsize=10, color=INK)
    return made


@styled
def more_figures(arena: "Arena | Population", *, last: bool) -> list[tuple[str, Figure]]:
    """The game's further figures by name; leaves no footprints."""
    from arena.core.preserve import no_footprints

    with no_footprints(arena.game, evaluation=True), arena.on_device(), arena.put_forward():
        return list(arena.game.pictures(last=last).items())


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


@styled
def plane(real: Tensor, fake: Tensor, probability: Callable[[Tensor], Tensor]) -> Figure:
    """Generated points over real ones, on the surface of the discriminator's probability.

    Args:
        real: N × 2 points of the data.
        fake: N × 2 generated points.
        probability: from M × 2 points to M numbers in [0, 1].
    """
    device = fake.device
    real, fake = real.cpu().float(), fake.cpu().float()
    middle = (real.amax(0) + real.amin(0)) / 2
    half = float((real.amax(0) - real.amin(0)).amax()) / 2 * 1.25
    made, axes = figure(4.9, 4.3)
    axis = axes[0, 0]
    ticks = torch.linspace(-half, half, 120)
    grid = torch.stack(torch.meshgrid(ticks + middle[0], ticks + middle[1], indexing="xy"))
    surface = probability(grid.flatten(1).T.to(device)).cpu().float().reshape(grid.shape[1:]).numpy()
    x, y = grid.numpy()
    mesh = axis.contourf(x, y, surface, levels=np.linspace(0, 1, 21), cmap=SURFACE, vmin=0, vmax=1)
    axis.scatter(*real.T.numpy(), s=4, color="#7d848c", alpha=0.45, linewidths=0, label="data")
    axis.scatter(*fake.T.numpy(), s=4, color=FIRST, alpha=0.6, linewidths=0, label="generated")
    axis.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), aspect="equal")
    axis.locator_params(integer=True)
    axis.grid(False)
    bar = made.colorbar(mesh, ax=axis, ticks=[0, 0.5, 1], aspect=30, pad=0.02)
    bar.set_label("discriminator: probability of being data", fontsize=8)
    bar.outline.set_visible(False)
    axis.legend(loc="upper right", markerscale=3)
    return made


@styled
def image_grid(images: Tensor, columns: int = 8) -> Figure:
    """Images side by side.

    Args:
        images: N × C × H × W with pixels in [0, 1], C 1 or 3.
        columns: images per row.
    """
    return image_grids({"": images}, columns)


@styled
def image_grids(panels: Mapping[str, Tensor], columns: int = 8) -> Figure:
    """Grids of images beside each other.

    Args:
        panels: by title, N × C × H × W with pixels in [0, 1], C 1 or 3.
        columns: images per row of a grid.
    """
    tiles = {title: tiled(images, columns) for title, images in panels.items()}
    height = max(4.4 * t.shape[0] / t.shape[1] for t in tiles.values())
    made, axes = figure(4.4 * len(tiles), height + (0.3 if any(tiles) else 0), 1, len(tiles))
    for axis, (title, tile) in zip(axes[0], tiles.items(), strict=True):
        axis.imshow(tile, interpolation="nearest")
        axis.set_axis_off()
        axis.set_title(title)
    return made


def tiled(images: Tensor, columns: int = 8) -> np.ndarray:
    """N × C × H × W images with pixels in [0, 1] as one picture, height × width × 3, with white lines between them."""
    from torchvision.utils import make_grid

    small = images.detach().cpu().float().clamp(0, 1)
    return make_grid(small, nrow=columns, padding=1, pad_value=1.0).permute(1, 2, 0).numpy()


@styled
def arrows(game: "Game") -> Figure | None:
    """Where two players of one number each stand, and where descent on the game's field would carry them; None for other players.

    Args:
        game: one that draws no batch.
    """
    field = Field(game)
    if [p.numel() for p in field.moving.values()] != [1, 1]:
        return None
    field.freeze(None, game.max_coupling)
    first, second = (p.detach() for p in field.moving.values())
    reach = max(1.5, 1.2 * float(first.abs()), 1.2 * float(second.abs()))
    reach = reach if np.isfinite(reach) else 1.5
    made, axes = figure(4.2, 4.5)
    axis = axes[0, 0]
    axis.quiver(*flow(game, reach, 15), color=DATA, alpha=0.75, pivot="mid")
    solution = game.solution()
    if solution is not None:
        axis.plot(*(float(solution[name]) for name in field.moving), "+", color=INK, markersize=10, label="answer")
    axis.plot(float(first), float(second), "o", color=FIRST, markersize=7, label="the players")
    first_role, second_role = game.roles
    axis.set(xlabel=f"player 1: {first_role}", ylabel=f"player 2: {second_role}")
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return made


def flow(game: "Game", reach: float, ticks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where descent would carry two players of one number each: x, y and the negated field there, each ticks × ticks.

    Args:
        game: one that draws no batch.
        reach: half the side of the square around 0.
        ticks: points along a side.
    """
    field = Field(game)
    field.freeze(None, game.max_coupling)
    like = next(iter(field.moving.values()))
    along = 0.94 * reach * torch.linspace(-1, 1, ticks, dtype=like.dtype, device=like.device)  # so that no arrow is cut off
    x, y = torch.meshgrid(along, along, indexing="xy")
    points = {name: at.reshape(-1, *p.shape) for (name, p), at in zip(field.moving.items(), (x, y), strict=True)}
    u, v = (-gradient.reshape(x.shape).detach().cpu().double().numpy() for gradient in field.across(points).values())
    return x.cpu().numpy(), y.cpu().numpy(), u, v


@styled
def traces(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], ceiling: float | None = None) -> Figure:
    """Losses and gradient norms of the players, or of their parts, and the score of a run, from the rows of its trace."""
    made, axes = figure(9.6, 2.7, 1, 3)
    for axis, what in zip(axes[0], ("loss", "gradient_norm"), strict=False):
        colours = (FIRST, SECOND) if len(keys) == 2 else (FIRST, "#d99a2b", "#8a5fa8", SECOND, ATTRACTED, REPELLED)
        for key, colour in zip(keys, colours, strict=False):
            draw_column(axis, rows, f"{key}.{what}", color=colour, label=key)
        axis.set(title=what.replace("_", " "), xlabel="turn")
        _legend(axis)
    axis = axes[0, 2]
    axis.plot(*column(rows, "score"), color=INK, marker="o", markersize=2.5, label="score")
    if ceiling is not None:
        axis.axhline(ceiling, color=DATA, linestyle="--", label="real data")
    values = [v for v in column(rows, "score")[1] if v > 0]
    wide = bool(values) and max(values) > 10 * min(values)
    axis.set(title="score (lower is better)", xlabel="turn", yscale="log" if wide else "linear")
    _legend(axis)
    return made


@styled
def eigenvalues(values: np.ndarray, complete: bool) -> Figure:
    """Eigenvalues of a Jacobian in the complex plane, coloured by whether they attract descent: the sign of their real part.

    Args:
        values: complex numbers.
        complete: whether they are all there are, rather than the outermost.
    """
    made, axes = figure(4.9, 4.0)
    axis = axes[0, 0]
    axis.axvspan(-1e9, 0, color=REPELLED, alpha=0.05, linewidth=0)
    for line in (axis.axhline, axis.axvline):
        line(0, color=DATA, linewidth=0.8)
    radius = float(np.abs(values).max()) or 1.0
    nought = np.abs(values.real) <= 1e-6 * radius  # as far as the products with a Jacobian in float32 can tell
    groups = {
        "attracts": (~nought & (values.real > 0), ATTRACTED),
        "repels": (~nought & (values.real < 0), REPELLED),
        "neither": (nought, INK),
    }
    for words, (there, colour) in groups.items():
        label = f"{words}: {int(there.sum())}"
        axis.scatter(values.real[there], values.imag[there], s=22, color=colour, alpha=0.7, linewidths=0, label=label, zorder=3)
    margin = 0.12 * radius
    axis.set_xlim(min(float(values.real.min()), 0) - margin, max(float(values.real.max()), 0) + margin)
    axis.set_ylim(float(values.imag.min()) - margin, float(values.imag.max()) + margin)
    which = "all" if complete else "outermost"
    axis.set(xlabel="real part", ylabel="imaginary part", title=f"{which} {len(values)} eigenvalues of the field's Jacobian")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    return made


@styled
def path(alphas: np.ndarray, angles: np.ndarray, norms: np.ndarray, old: str, new: str) -> Figure:
    """The field along the line from an old position of the players (α = 0) to a new one (α = 1), each with what it is called."""
    made, axes = figure(4.9, 4.2, 2, 1, sharex=True)
    for axis in axes[:, 0]:
        for where in (0, 1):
            axis.axvline(where, color=DATA, linewidth=0.8, linestyle="--")
    above, below = axes[:, 0]
    above.axhline(0, color=DATA, linewidth=0.8)
    above.plot(alphas, angles, color=INK)
    above.axhspan(0, 1.05, color=REPELLED, alpha=0.05, linewidth=0)
    above.set(ylim=(-1.05, 1.05), ylabel="path-angle (cosine)", yticks=[-1, -0.5, 0, 0.5, 1])
    for height, words in ((0.75, "descent\nheads back"), (0.25, "descent\nheads on")):
        above.text(1.02, height, words, transform=above.transAxes, ha="left", va="center", fontsize=8, color="#5f6670", rotation=90)
    below.plot(alphas, norms, color=INK)
    below.set(ylabel="path-norm", xlabel=f"α: from {old} (0) to {new} (1)", xlim=(alphas[0], alphas[-1]))
    made.align_ylabels(axes[:, 0])
    below.set_ylim(0, 1.08 * float(np.nanmax(norms)) or 1)
    return made


def column(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """The turns at which a quantity was recorded, and its values.

    Example:
        >>> column([{"turn": 0}, {"turn": 5, "score": 0.5}], "score")
        ([5], [0.5])
    """
    there = [(row["turn"], row[name]) for row in rows if row.get(name) is not None]
    return [turn for turn, _ in there], [value for _, value in there]


def draw_column(axis: Any, rows: Sequence[Mapping[str, Any]], name: str, **style: Any) -> None:
    """Draw a quantity over the turns, where it was ever recorded; as a dot where it was once, of which a line would show nothing."""
    turns, values = column(rows, name)
    if values:
        axis.plot(turns, values, linewidth=1.0, marker="o" if len(values) == 1 else None, markersize=3, **style)


def _legend(axis: Any) -> None:
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")


def _parameters(arena: "Arena | Population") -> Figure:
    made, axes = figure(5.2, 3.2)
    axis = axes[0, 0]
    few = max(sum(p.numel() for p in player.parameters()) for player in arena.game.players.values()) <= 40
    for role, colour in zip(arena.game.roles, (FIRST, SECOND), strict=True):
        own = [p.detach().flatten() for p in arena.game.players[role].parameters()]
        values = torch.cat(own).cpu().double().numpy() if own else np.zeros(0)
        if few:
            axis.plot(values, "o", color=colour, markersize=5, label=role)
        else:
            axis.hist(values[np.isfinite(values)], bins=40, color=colour, alpha=0.55, label=role)
    if few:
        axis.axhline(0, color=DATA, linewidth=0.8)
        axis.set(xlabel="parameter", ylabel="value")
        axis.xaxis.get_major_locator().set_params(integer=True)
    else:
        axis.set(xlabel="value of a parameter", ylabel="parameters")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return made
