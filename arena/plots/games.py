"""Figures of a game: its own pictures, or else the distribution of its parameters."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from arena.core.game import Game
from arena.core.preserve import preserve_state
from arena.core.protocols import PlayedGame
from arena.plots.style import DATA, FIRST, INK, SECOND, figure, styled


@styled
def game_figure(arena: PlayedGame, caption: str | None = None) -> Figure:
    """Draw the game's picture, or else the distribution of each player's parameters; the game's state does not change."""
    with preserve_state(arena.game, evaluation=True, seed=0), arena.on_device(), arena.evaluated_parameters():
        drawing = arena.game.picture() or _parameters(arena)
    if caption:
        drawing.suptitle(caption, fontsize=10, color=INK)
    return drawing


@styled
def more_figures(arena: PlayedGame, *, last: bool) -> list[tuple[str, Figure]]:
    """Draw the game's further figures by name; the game's state does not change."""
    with preserve_state(arena.game, evaluation=True, seed=0), arena.on_device(), arena.evaluated_parameters():
        return list(arena.game.pictures(last=last).items())


def features_of(arena: PlayedGame) -> tuple[np.ndarray, Mapping[str, Sequence[object]]] | None:
    """Return the game's features, (N, F), and what is known of each example; the game's state does not change."""
    with preserve_state(arena.game, evaluation=True, seed=0), arena.on_device(), arena.evaluated_parameters():
        found = arena.game.features()
    return None if found is None else (found[0].detach().double().cpu().numpy(), found[1])


def has_picture(game: Game) -> bool:
    """Return whether a game has a picture of its own, or so few numbers that each can be seen: a histogram of weights shows nothing."""
    return type(game).picture is not Game.picture or _few(game)


def _few(game: Game) -> bool:
    return max(sum(p.numel() for p in player.parameters()) for player in game.players.values()) <= 40


def _parameters(arena: PlayedGame) -> Figure:
    drawing, axes = figure(5.2, 3.2)
    axis = axes[0, 0]
    few = _few(arena.game)
    for role, colour in zip(arena.game.roles, (FIRST, SECOND), strict=True):
        parameters = [p.detach().flatten() for p in arena.game.players[role].parameters()]
        values = torch.cat(parameters).cpu().double().numpy() if parameters else np.zeros(0)
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
    return drawing
