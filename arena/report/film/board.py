"""The frames of a film: a title, one panel for each run under its own turn and score, the key, and the scores up to this moment."""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from PIL import Image, ImageDraw, ImageFont

from arena import plots
from arena.plots.style import DATA, INK, figure, styled
from arena.report.film.footage import AXES, Footage
from arena.report.film.panels import Key
from arena.runs.replay import Moment

COLOURS = ("#2e6fb7", "#e4572e", "#1b8a78", "#8e3b9e", "#c98a00", "#5f6670")
"""Colours of the runs."""
SOFT = "#5f6670"
WIDE, TALL = 1860, 1000
"""Most dots of all panels together."""
MARGIN = 16


@dataclass(frozen=True)
class Grid:
    """Places of the panels.

    Args:
        columns: Panels in a row.
        dpi: Dots for each inch of a panel.
    """

    columns: int
    dpi: float


def grid(count: int, size: tuple[float, float], wide: int = WIDE, tall: int = TALL) -> Grid:
    """Return the arrangement of equal panels of a size in inches that shows them largest, with at most the dots of `plots.DPI`.

    Example:
        >>> grid(6, (4.9, 4.3)).columns, grid(1, (4.9, 4.3)).columns, grid(2, (10.8, 3.1)).columns
        (3, 1, 1)
    """
    width, height = size
    best = {columns: min(wide / (columns * width), tall / (math.ceil(count / columns) * height)) for columns in range(1, count + 1)}
    columns = max(best, key=lambda columns: best[columns])
    return Grid(columns, min(best[columns], 0.9 * plots.DPI))


class Board:
    """Composes the frames of a film.

    Args:
        runs: The runs.
        labels: Their names; of a single one, none.
        by: The axis of the film, turns or evaluations.
        end: Its end on that axis.
        panel: Height and width of a panel in dots.
        place: Arrangement of the panels.
        key: The key to all panels.
    """

    def __init__(
        self,
        runs: Sequence[Footage],
        labels: Sequence[str],
        by: str,
        end: int,
        panel: tuple[int, int],
        place: Grid,
        key: Key | None = None,
    ):
        self.runs, self.labels, self.by, self.end = runs, labels, by, end
        self.panel, self.columns = panel, place.columns
        rows = math.ceil(len(runs) / place.columns)
        self.width = max(place.columns * panel[1], 640) + 2 * MARGIN
        unit = max(13, round(10 / 72 * place.dpi))
        self._bold, self._plain = _font(unit, bold=True), _font(unit)
        self._head = _font(round(1.25 * unit), bold=True)
        self.unit, self.line = unit, round(1.55 * unit)
        self._top = MARGIN + (2 * self.line if len(runs) > 1 else round(2.7 * self.line))
        self._caption = round(2.3 * self.line) if len(runs) > 1 else 0
        self._row = self._caption + panel[0] + (unit if rows > 1 else 0)
        below = self._top + rows * self._row
        dpi = unit * 72 / 9
        self._foot = _key(key, self.width, dpi) if key is not None and (key.handles or key.bar) else np.zeros((0, self.width, 3), np.uint8)
        self._chart = Chart(runs, by, end, self.width, dpi)
        self._key_at, self._strip_at = below, below + len(self._foot)
        height = self._strip_at + self._chart.height + MARGIN // 2
        self.size = (self.width + self.width % 2, height + height % 2)
        self._ground = Image.new("RGB", self.size, "white")
        self._ground.paste(Image.fromarray(self._foot), (0, self._key_at)) if len(self._foot) else None

    def frame(self, place: int, moments: Sequence[Moment], panels: Sequence[np.ndarray]) -> Image.Image:
        """Return the frame at a place of the axis.

        Args:
            place: The place.
            moments: The moment of each run.
            panels: Its picture.
        """
        image = self._ground.copy()
        draw = ImageDraw.Draw(image)
        self._title(draw, place, moments[0])
        height, width = self.panel
        for number, (run, moment, panel) in enumerate(zip(self.runs, moments, panels, strict=True)):
            row, column = divmod(number, self.columns)
            left, top = MARGIN + column * width + self._shift(row), self._top + row * self._row
            if self._caption:
                draw.text((left + self.unit, top), self.labels[number], fill=COLOURS[number], font=self._bold)
                draw.text((left + self.unit, top + round(0.95 * self.line)), self._told(run, moment), fill=SOFT, font=self._plain)
            image.paste(Image.fromarray(_fit(panel, height, width)), (left, top + self._caption))
        image.paste(Image.fromarray(self._chart.until(place)), (0, self._strip_at))
        return image

    def _shift(self, row: int) -> int:
        """Return how far a row is moved so that panels stand in the middle."""
        here = min(self.columns, len(self.runs) - row * self.columns)
        return (self.width - 2 * MARGIN - here * self.panel[1]) // 2

    def _title(self, draw: ImageDraw.ImageDraw, place: int, moment: Moment) -> None:
        run, top = self.runs[0], MARGIN
        name = run.config.game.name
        if len(self.runs) == 1:
            draw.text((MARGIN + self.unit, top), f"{name}, {run.config.flat()['rule.name']}", fill=INK, font=self._head)
            draw.text((MARGIN + self.unit, top + round(1.3 * self.line)), self._told(run, moment), fill=SOFT, font=self._plain)
            return
        axis = "turns" if self.by == "turns" else "gradient evaluations"
        draw.text((MARGIN + self.unit, top), f"{name}: {len(self.runs)} runs at equal {axis}, {place:,}", fill=INK, font=self._head)

    def _told(self, run: Footage, moment: Moment) -> str:
        """Return the turn and the score of a moment in words."""
        said = f"turn {moment.turn:,}"
        said += f" of {run.config.run.turns:,}" if len(self.runs) == 1 else f" ({moment.spent:,} evaluations)" * (self.by != "turns")
        if (latest := run.latest_score(moment.turn)) is not None:
            turn, score = latest
            said += f", score {score:.3g}" + (f" in turn {turn:,}" if turn != moment.turn else "")
            said += f" (real data {run.ceiling:.3g})" if run.ceiling is not None and len(self.runs) == 1 else ""
        if run.ended_early and moment.turn >= run.last_turn:
            said += f", {run.ended_early}"
        return said


class Chart:
    """The recorded scores up to a place of the axis, on axes that do not change.

    Args:
        runs: The runs.
        by: The axis, turns or evaluations.
        end: Its end.
        width: Dots across.
        dpi: Dots for each inch.
    """

    @styled
    def __init__(self, runs: Sequence[Footage], by: str, end: int, width: int, dpi: float):
        self._width, self._scores = width, [run.scores(by) for run in runs]
        made, axes = figure(width / dpi, 1.6)
        made.set_dpi(dpi)
        made.get_layout_engine().set(rect=(0.012, 0, 0.965, 1))  # type: ignore[union-attr, call-arg]
        axis, ceiling = axes[0, 0], runs[0].ceiling
        self._scale(axis, end, ceiling)
        axis.set(xlim=(0, end or 1), xlabel=AXES[by])
        axis.set_title(f"score: {runs[0].config.score_name} (lower is better)", loc="left", fontsize=8, color=SOFT)
        axis.xaxis.set_major_formatter("{x:,.0f}")
        if ceiling is not None:
            axis.axhline(ceiling, color=DATA, linestyle="--", linewidth=1)
            axis.annotate("real data", (1, ceiling), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7, color=SOFT)
        colours = COLOURS if len(runs) > 1 else (INK,)
        self._lines = [axis.plot([], [], color=colour, linewidth=1.4)[0] for colour, _ in zip(colours, runs, strict=False)]
        self._dots = [
            axis.plot([], [], "o", color=colour, markersize=3.5, clip_on=False)[0] for colour, _ in zip(colours, runs, strict=False)
        ]
        self._now = axis.axvline(0, color=SOFT, linewidth=0.8, alpha=0.6)
        for artist in (*self._lines, *self._dots, self._now):
            artist.set_animated(True)
            artist.set_in_layout(False)
        self._axis, self._canvas = axis, made.canvas
        plots.to_array(made)
        self._ground = self._canvas.copy_from_bbox(made.bbox)  # type: ignore[attr-defined]
        self.height = self._canvas.get_width_height()[1]

    @styled
    def until(self, place: int) -> np.ndarray:
        """Return the chart with the scores that were recorded up to a place."""
        self._canvas.restore_region(self._ground)  # type: ignore[attr-defined]
        self._now.set_xdata([place, place])
        self._axis.draw_artist(self._now)
        for line, dot, (at, scores) in zip(self._lines, self._dots, self._scores, strict=True):
            count = bisect.bisect_right(at, place)
            line.set_data(at[:count], scores[:count])
            dot.set_data(at[max(count - 1, 0) : count], scores[max(count - 1, 0) : count])
            self._axis.draw_artist(line)
            self._axis.draw_artist(dot)
        chart = np.asarray(self._canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]
        return _fit(chart, len(chart), self._width)

    def _scale(self, axis: Any, end: int, ceiling: float | None) -> None:
        """Set the scale: logarithmic if the scores span a factor of 10, and no farther than ten times the largest first one."""
        within = [[score for place, score in zip(*own, strict=True) if place <= end] for own in self._scores]
        scores = [score for own in within for score in own] + ([ceiling] if ceiling is not None else [])
        if not scores:
            return
        most = min(max(scores), 10 * max((abs(own[0]) for own in within if own), default=0) or max(scores))
        positive = [score for score in scores if score > 0]
        if positive and min(scores) >= 0 and most > 10 * min(positive):
            axis.set_yscale("log")
            least = max(min(positive), 1e-9 * most)
            axis.set_ylim(least / 1.4, 1.4 * most)
            axis.yaxis.set_major_locator(LogLocator(subs=(1.0,) if most > 100 * least else (1.0, 3.0), numticks=5))
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_locator(NullLocator())
        else:
            room = 0.1 * ((most - min(scores)) or abs(most) or 1)
            axis.set_ylim(min(scores) - room, most + room)


@styled
def _key(key: Key, width: int, dpi: float) -> np.ndarray:
    """Return the legend and the colour bar on one line."""
    made = Figure(figsize=(width / dpi, 0.42), dpi=dpi)
    plots.style.FigureCanvasAgg(made)
    if key.bar is not None:
        mappable, label, ticks = key.bar
        axis = made.add_axes((0.72, 0.55, 0.25, 0.2))
        bar = made.colorbar(mappable, cax=axis, orientation="horizontal", ticks=ticks)
        bar.outline.set_visible(False)
        axis.grid(False)
        made.text(0.71, 0.62, label, ha="right", va="center", fontsize=8, color=INK)
    made.legend(
        key.handles.values(), key.handles.keys(), loc="center left", bbox_to_anchor=(0.02, 0.6), ncols=len(key.handles), borderpad=0
    )
    return _fit(plots.to_array(made), made.canvas.get_width_height()[1], width)


def _font(size: int, *, bold: bool = False) -> Any:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts/ttf", f"DejaVuSans{'-Bold' * bold}.ttf")), size)


def _fit(panel: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a picture on white of a size, smaller if it is larger than that."""
    if panel.shape[:2] == (height, width):
        return panel
    image = Image.fromarray(panel)
    if image.height > height or image.width > width:
        image.thumbnail((width, height), Image.Resampling.LANCZOS)
    ground = Image.new("RGB", (width, height), "white")
    ground.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return np.asarray(ground)
