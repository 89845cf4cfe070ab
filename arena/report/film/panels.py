"""The panels of a film: the pictures of a game at its moments, with the same axes, colours and places in all of them."""

import contextlib
import copy
import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from arena import plots
from arena.core.game import Game
from arena.core.torch_settings import using_threads
from arena.core.view import View
from arena.errors import ArenaError, UnknownName
from arena.report.film.footage import Footage
from arena.runs.pictures import freed_at_the_end
from arena.runs.replay import Moment, load

LOOKED_AT = 6
"""Moments whose pictures decide the limits of the axes."""
EDGE = 0.06
"""Inches of white around a panel."""


@dataclass(frozen=True)
class Look:
    """What the panels of a film share.

    Args:
        values: Values of the game's closed `View`.
        size: Width and height of a panel in inches.
        boxes: Places of the axes on the figure, as left, bottom, width and height.
        crop: Left, top, right and bottom of the panel on the figure, all from 0 to 1: without its empty edges.
        bare: Whether the panels have neither legend nor colour bar, which stand below all of them.
        seconds: Time that a picture takes.
    """

    values: dict[str, Any]
    size: tuple[float, float]
    boxes: list[tuple[float, float, float, float]]
    crop: tuple[float, float, float, float]
    bare: bool
    seconds: float = 0.0


@dataclass(frozen=True)
class Key:
    """The legend and the colour bar of a film of several runs.

    Args:
        handles: Marks of the legend, by label.
        bar: Colours, label and ticks of the colour bar; None if there is none.
    """

    handles: dict[str, Any] = field(default_factory=dict)
    bar: tuple[ScalarMappable, str, list[float]] | None = None


class Shown:
    """A game in a recorded state, as `plots.game_figure` reads it."""

    def __init__(self, arena: Any):
        self._arena = arena

    @property
    def game(self) -> Game:
        """The game."""
        return self._arena.game

    def on_device(self) -> Any:
        """While inside, factory functions of torch create on the device of the run."""
        return self._arena.on_device()

    def evaluated_parameters(self) -> contextlib.AbstractContextManager[None]:
        """The recorded parameters are those that were evaluated."""
        return contextlib.nullcontext()


def survey(run: Footage, moments: Sequence[Moment], name: str, *, bare: bool) -> tuple[Look, Key]:
    """Return the look of a run's panels, and the key to all of them: the end of the run is drawn first, then some other moments.

    Args:
        run: The run.
        moments: Its recorded states.
        name: Name of the picture; empty for the game's main one.
        bare: Whether to take legends and colour bars out of the panels.

    Raises:
        UnknownName: The game has no picture of that name.
        ArenaError: The game has no picture.
    """
    arena, view = _built(run), View()
    arena.game.view = view
    with using_threads(run.config.run.threads):
        last = _figure(arena, moments[-1], name)
        for place in sorted({round(k * (len(moments) - 1) / (LOOKED_AT - 1)) for k in range(LOOKED_AT - 1)}):
            _figure(arena, moments[place], name)
        arena.game.view, began = View(view.values), time.perf_counter()
        last = _figure(arena, moments[-1], name)
    bare = bare and _is_single(last)
    key = _strip(last) if bare else Key()
    last.canvas.draw()
    width, height = map(float, last.get_size_inches())
    ink, edge = last.get_tightbbox(), EDGE
    left, right = max(0.0, ink.x0 - edge) / width, min(width, ink.x1 + edge) / width
    top, bottom = max(0.0, height - ink.y1 - edge) / height, min(height, height - ink.y0 + edge) / height
    boxes = [axis.get_position(original=True).bounds for axis in last.axes]
    size, crop, seconds = ((right - left) * width, (bottom - top) * height), (left, top, right, bottom), time.perf_counter() - began
    return Look(view.values, size, boxes, crop, bare, seconds), key


def common(looks: Sequence[Look]) -> list[Look]:
    """Return the looks of several runs with common limits: the largest of all, but at most twice the median, as one may have diverged."""
    shared = {}
    for name in {name for look in looks for name, value in look.values.items() if isinstance(value, float)}:
        values = sorted(look.values[name] for look in looks if name in look.values)
        shared[name] = min(values[-1], max(values[0], 2 * values[(len(values) - 1) // 2])) if values[0] > 0 else values[-1]
    return [dataclasses.replace(looks[0], values={**look.values, **shared}) for look in looks]


def draw(run: Footage, moments: Sequence[Moment], name: str, look: Look, dpi: float) -> Iterator[np.ndarray]:
    """Yield the panels of a run at its moments as height × width × 3 bytes."""
    arena = _built(run)
    arena.game.view = View(look.values)
    for moment in moments:
        with freed_at_the_end(), using_threads(run.config.run.threads):
            figure = _figure(arena, moment, name)
            if look.bare:
                _strip(figure)
            figure.set_dpi(dpi)
            if len(figure.axes) == len(look.boxes):
                figure.set_layout_engine("none")
                for axis, box in zip(figure.axes, look.boxes, strict=True):
                    axis.set_position(box)
            panel = plots.to_array(figure)
        (high, wide), (left, top, right, bottom) = panel.shape[:2], look.crop
        yield panel[round(top * high) : round(bottom * high), round(left * wide) : round(right * wide)]


def _built(run: Footage) -> Any:
    arena = run.config.restored().build()
    arena.reset(seed=run.config.run.seed)
    if not plots.has_picture(arena.game):
        raise ArenaError(f"{run.config.game.name} draws no picture to film. Fix: write def picture(self) in its class")
    return arena


def _figure(arena: Any, moment: Moment, name: str) -> Figure:
    load(moment, arena)
    if not name:
        return plots.game_figure(Shown(arena))
    figures = dict(plots.more_figures(Shown(arena), last=False))
    if name not in figures:
        raise UnknownName("picture", name, figures)
    return figures[name]


def _bars(figure: Figure) -> list[Any]:
    """Return the colour bars that have axes of their own."""
    drawn = [artist for axis in figure.axes for artist in (*axis.collections, *axis.images)]
    return [bar for artist in drawn if (bar := artist.colorbar) is not None and bar.ax in figure.axes]


def _is_single(figure: Figure) -> bool:
    return len(figure.axes) - len(_bars(figure)) == 1


def _strip(figure: Figure) -> Key:
    """Take the legends and the colour bars out of a figure, and return them."""
    legends = [*figure.legends, *(legend for axis in figure.axes if (legend := axis.get_legend()) is not None)]
    handles: dict[str, Any] = {}
    for legend in legends:
        handles |= {text.get_text(): copy.copy(handle) for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)}
        legend.remove()
    bar = None
    for found in _bars(figure):
        mappable = ScalarMappable(found.mappable.norm, found.mappable.cmap)
        bar = (mappable, found.ax.get_ylabel() or found.ax.get_xlabel(), [float(tick) for tick in found.get_ticks()])
        found.remove()
    return Key(handles, bar)
