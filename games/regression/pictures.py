"""Pictures of regression against a critic: data, predictions, the empty region and the critic's surface, for one game or several.

Shapes: N = points, G = points of a grid, D = numbers in y.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from arena.plots import style as plots

SHOWN = (-0.8, 0.0, 0.8)
"""Values of x at which data in the plane are shown."""
TICKS = 160
"""Grid points along a side."""
REACH = 1.5
"""Half the side of the shown region, in y."""


class Drawable(Protocol):
    """The parts of a `CriticRegression` that are drawn."""

    dim: int
    reach: float
    noise: float
    latent: int
    players: nn.ModuleDict

    def branch(self, x_N1: Tensor, rng: torch.Generator) -> Tensor: ...
    def distance(self, x_N1: Tensor, y_ND: Tensor) -> Tensor: ...
    def held_out(self, n: int) -> tuple[Tensor, Tensor, Tensor]: ...
    def predict(self, x_N1: Tensor, noise_NZ: Tensor) -> Tensor: ...
    def judge(self, x_N1: Tensor, y_ND: Tensor) -> Tensor: ...


@plots.styled
def draw(games: Sequence[Drawable], titles: Sequence[str] = ()) -> Figure:
    """Draw one panel per game, of one class, under its title; for y in the plane, one row per game with a panel for each of `SHOWN`."""
    panels: list[tuple[Drawable, Any, float | None]]
    if games[0].dim == 1:
        canvas, axes = plots.figure(3.1 * len(games) + 0.9, 3.5, 1, len(games), sharey=True)
        panels = [(game, axis, None) for game, axis in zip(games, axes[0], strict=True)]
        heads = axes[0]
    else:
        canvas, axes = plots.figure(2.5 * len(SHOWN) + 0.9, 2.6 * len(games) + 0.3, len(games), len(SHOWN), sharey=True, sharex=True)
        panels = [(game, axis, x) for game, row in zip(games, axes, strict=True) for axis, x in zip(row, SHOWN, strict=True)]
        heads = axes[:, 0]
    with torch.no_grad():
        meshes = [_line(game, axis) if x is None else _plane(game, axis, x) for game, axis, x in panels]
    for axis, title in zip(heads, titles, strict=False):
        axis.set_title(title)
    bar = canvas.colorbar(meshes[0], ax=axes, ticks=[0, 0.5, 1], aspect=30, pad=0.015)
    bar.set_label("critic: probability of being data", fontsize=8)
    bar.outline.set_visible(False)
    handles, labels = panels[0][1].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=3, markerscale=2.5 if games[0].dim == 1 else 1)
    return canvas


def _line(game: Drawable, axis: Any) -> Any:
    """Draw y over x, for y of one number."""
    x, y = (t.cpu().numpy() for t in game.held_out(1500)[:2])
    grid_x, grid_y = torch.meshgrid(torch.linspace(-1, 1, TICKS), torch.linspace(-REACH, REACH, TICKS), indexing="xy")
    mesh = _background(game, axis, (grid_x, grid_y), grid_x.reshape(-1, 1), grid_y.reshape(-1, 1))
    axis.scatter(x, y, s=4, color="#7d848c", alpha=0.5, linewidths=0, label="data")
    like = next(game.players["regressor"].parameters())
    along = torch.linspace(-1, 1, 600).unsqueeze(1).to(like)
    if game.latent:
        along = along.repeat_interleave(2, 0)
        answers = game.predict(along, _noise(game, len(along)))
        axis.scatter(along.cpu(), answers.cpu(), s=5, color=plots.FIRST, alpha=0.8, linewidths=0, label="regressor", zorder=3)
    else:
        answers = game.predict(along, _noise(game, len(along)))
        axis.plot(along.cpu(), answers.cpu(), color=plots.FIRST, linewidth=2.2, label="regressor", zorder=3)
    axis.set(xlim=(-1, 1), ylim=(-REACH, REACH), xlabel="x", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    if axis.get_subplotspec().is_first_col():
        axis.set_ylabel("y")
    return mesh


def _plane(game: Drawable, axis: Any, x: float) -> Any:
    """Draw data and predictions in the plane at one x."""
    rng = torch.Generator(device=torch.empty(0).device).manual_seed(0)
    like = next(game.players["regressor"].parameters())
    at = torch.full((400, 1), x)
    data = (game.branch(at, rng) + game.noise * torch.randn(400, 2, generator=rng)).cpu().numpy()
    grid = torch.meshgrid(*[torch.linspace(-REACH, REACH, TICKS)] * 2, indexing="xy")
    points = torch.stack(grid).flatten(1).T
    mesh = _background(game, axis, grid, torch.full((len(points), 1), x), points)
    axis.scatter(*data.T, s=4, color="#7d848c", alpha=0.5, linewidths=0, label="data")
    copies = 60 if game.latent else 1
    answer = game.predict(torch.full((copies, 1), x).to(like), _noise(game, copies)).cpu().numpy()
    axis.scatter(*answer.T, s=60 if copies == 1 else 8, color=plots.FIRST, edgecolor="white", linewidths=0.8, label="regressor", zorder=3)
    axis.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2}
    axis.annotate(f"x = {x:g}", (0.05, 0.95), xycoords="axes fraction", va="top", fontsize=8, bbox=box)
    if axis.get_subplotspec().is_last_row():
        axis.set_xlabel("y₁")
    if axis.get_subplotspec().is_first_col():
        axis.set_ylabel("y₂")
    return mesh


def _background(game: Drawable, axis: Any, grid: tuple[Tensor, ...], x_G1: Tensor, y_GD: Tensor) -> Any:
    """Draw the critic's surface and, hatched over it, the empty region."""
    like = next(game.players["critic"].parameters())
    x_G1, y_GD = x_G1.to(like), y_GD.to(like)
    across, up = (t.cpu().numpy() for t in grid)
    surface = game.judge(x_G1, y_GD).sigmoid().cpu().float().reshape(grid[0].shape).numpy()
    mesh = axis.contourf(across, up, surface, levels=np.linspace(0, 1, 21), cmap=plots.SURFACE, vmin=0, vmax=1)
    far = (game.distance(x_G1, y_GD) / game.noise).cpu().float().reshape(grid[0].shape).numpy()
    empty = axis.contourf(across, up, far, levels=[game.reach, np.inf], colors="none", hatches=["////"])
    empty.set(hatch_linewidth=0.4, linewidth=0.6)
    empty.set_edgecolor(plots.DATA)
    label = axis.fill_between([], [], [], facecolor="none", edgecolor=plots.DATA, hatch="////", linewidth=0, label="empty region")
    label.set_hatch_linewidth(0.4)
    axis.grid(False)
    return mesh


def _noise(game: Drawable, count: int) -> Tensor:
    rng = torch.Generator(device=torch.empty(0).device).manual_seed(0)
    return torch.randn(count, game.latent, generator=rng).to(next(game.players["regressor"].parameters()))
