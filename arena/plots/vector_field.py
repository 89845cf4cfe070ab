"""The field of two players of one number each, as arrows."""

import numpy as np
import torch
from matplotlib.figure import Figure

from arena.core.field.field import Field
from arena.core.game import Game
from arena.plots.style import DATA, FIRST, INK, figure, styled


@styled
def arrows(game: Game) -> Figure | None:
    """Draw two players of one number each, and their path, among the arrows of descent of a game without batches; else return None."""
    field = Field(game)
    if [p.numel() for p in field.moving.values()] != [1, 1]:
        return None
    field.freeze(None, game.max_coupling)
    first, second = (p.detach() for p in field.moving.values())
    path_T2 = np.array([*game.path, [float(first), float(second)]], dtype=float)
    path_T2 = path_T2[np.isfinite(path_T2).all(axis=1)]
    reach = game.fixed("reach", 1.2 * float(np.abs(path_T2).max(initial=1.25)))
    drawing, axes = figure(4.2, 4.5)
    axis = axes[0, 0]
    axis.quiver(*flow(game, reach, 15), color=DATA, alpha=0.75, pivot="mid")
    solution = game.solution()
    if solution is not None:
        axis.plot(*(float(solution[name]) for name in field.moving), "+", color=INK, markersize=10, label="answer")
    if game.path:
        axis.plot(*path_T2.T, color=FIRST, linewidth=1.1, alpha=0.8, label="path")
        axis.plot(*path_T2[0], "o", color=FIRST, markersize=7, markerfacecolor="white", label="start")
    axis.plot(float(first), float(second), "o", color=FIRST, markersize=7, label="the players")
    first_role, second_role = game.roles
    axis.set(xlabel=f"player 1: {first_role}", ylabel=f"player 2: {second_role}")
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, columnspacing=1.2)
    return drawing


def flow(game: Game, reach: float, ticks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return a grid of positions of two players of one number each, and the negated field: x, y, u, v, each ticks × ticks.

    The game has no batches; `reach` is half the side of the square around 0.
    """
    field = Field(game)
    field.freeze(None, game.max_coupling)
    like = next(iter(field.moving.values()))
    along = 0.94 * reach * torch.linspace(-1, 1, ticks, dtype=like.dtype, device=like.device)  # so that no arrow is cut off
    x, y = torch.meshgrid(along, along, indexing="xy")
    points = {name: at.reshape(-1, *p.shape) for (name, p), at in zip(field.moving.items(), (x, y), strict=True)}
    u, v = (-gradient.reshape(x.shape).detach().cpu().double().numpy() for gradient in field.across(points).values())
    return x.cpu().numpy(), y.cpu().numpy(), u, v
