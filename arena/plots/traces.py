"""Traces of a run over its turns."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from arena.plots.style import ATTRACTED, DATA, FIRST, INK, REPELLED, SECOND, grid, styled

COLUMNS = 3
"""Panels in a row."""


@styled
def traces(
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    ceiling: float | None = None,
    ceilings: Mapping[str, float] | None = None,
    score: str = "score",
) -> Figure:
    """Draw losses and gradient norms of the players or their parts, the score, the game's signals and its metrics.

    Args:
        rows: Turns of a trace.
        keys: The players or their parts.
        ceiling: Score of real data.
        ceilings: Metrics of real data, by name.
        score: Name of the score.
    """
    ceilings = ceilings or {}
    recorded = dict.fromkeys(name for name, value in chain.from_iterable(row.items() for row in rows) if _is_number(value))
    signals: dict[str, list[str]] = {}
    for name in recorded:
        if name.startswith("game."):
            signals.setdefault(family_of(name[5:]), []).append(name)
    metrics = [name for name in recorded if name.startswith("metrics.")]
    count = 3 + len(signals) + len(metrics)
    lines = math.ceil(count / COLUMNS)
    drawing, axes = grid(lines, COLUMNS, (2.75, 1.5), (0.7, 0.95))
    panels = iter(axes.flat)
    colours = (FIRST, SECOND) if len(keys) == 2 else (FIRST, "#d99a2b", "#8a5fa8", SECOND, ATTRACTED, REPELLED)
    banded = any(f"{key}.loss_low" in recorded for key in keys)
    axis = next(panels)
    for key, colour in zip(keys, colours, strict=False):
        _draw_loss(axis, rows, key, colour)
    axis.set_title("loss: mean, 10 % to 90 % of the turns" if banded else "loss")
    axis = next(panels)
    for key, colour in zip(keys, colours, strict=False):
        draw_column(axis, rows, f"{key}.gradient_norm", color=colour, label=key)
    axis.set_title("gradient norm of single turns")
    _scale(axis, rows, [f"{key}.gradient_norm" for key in keys], 3.0)
    axis = next(panels)
    axis.plot(*column(rows, "score"), color=INK, marker="o", markersize=2.5, label="score")
    if ceiling is not None:
        axis.axhline(ceiling, color=DATA, linestyle="--", label="real data")
    axis.set_title("score (lower is better)")
    axis.set_ylabel(score, fontsize=8)
    _scale(axis, rows, ["score"], 10.0)
    for kind, names in signals.items():
        axis = next(panels)
        for name, colour in zip(names, (SECOND, FIRST, INK, ATTRACTED, REPELLED, DATA), strict=False):
            draw_column(axis, rows, name, color=colour, label=name[5:].replace("_", " "))
        axis.set_title(f"{kind} on the batch of the turn")
        if kind == "D":
            axis.set(title="discriminator's mean probability, one batch", ylim=(-0.03, 1.03))
            axis.axhline(0.5, color=DATA, linestyle="--", label="½")
    for name in metrics:
        axis = next(panels)
        axis.plot(*column(rows, name), color=INK, marker="o", markersize=2.5, linewidth=1.0, label="metric")
        if (real := ceilings.get(name.removeprefix("metrics."))) is not None:
            axis.axhline(real, color=DATA, linestyle="--", label="real data")
        axis.set_title(name.removeprefix("metrics.").replace("-", " "))
    for axis in axes.flat[:count]:
        axis.set_xlabel("turn")
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        _legend(axis)
    for axis in axes.flat[count:]:
        axis.set_axis_off()
    return drawing


def column(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """Return the turns at which a quantity was recorded, and its values.

    Example:
        >>> column([{"turn": 0}, {"turn": 5, "score": 0.5}], "score")
        ([5], [0.5])
    """
    recorded = [(row["turn"], row[name]) for row in rows if row.get(name) is not None]
    return [turn for turn, _ in recorded], [value for _, value in recorded]


def draw_column(axis: Any, rows: Sequence[Mapping[str, Any]], name: str, **style: Any) -> None:
    """Draw a quantity over the turns, if it was recorded; as a dot if it was recorded once."""
    turns, values = column(rows, name)
    if values:
        axis.plot(turns, values, linewidth=1.0, marker="o" if len(values) == 1 else None, markersize=3, **style)


def _draw_loss(axis: Any, rows: Sequence[Mapping[str, Any]], key: str, colour: str) -> None:
    """Draw the mean loss between rows, with the band of its quantiles; the loss of a single turn where a row has no more."""
    name = f"{key}.loss"
    draw_column(axis, [{**row, name: row.get(f"{name}_mean", row.get(name))} for row in rows], name, color=colour, label=key)
    both = (f"{name}_low", f"{name}_high")  # a row of a repaired trace may lack one
    banded = [row for row in rows if all(row.get(side) is not None for side in both)]
    turns, low = column(banded, f"{name}_low")
    axis.fill_between(turns, low, column(banded, f"{name}_high")[1], color=colour, alpha=0.18, linewidth=0)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def family_of(name: str) -> str:
    """Return what a signal has in common with those that share its panel.

    Example:
        >>> [family_of(name) for name in ("D(x)", "D(G(z))", "label_loss", "spread")]
        ['D', 'D', 'loss', 'spread']
    """
    return name.partition("(")[0] if "(" in name else name.rpartition("_")[2]


def _scale(axis: Any, rows: Sequence[Mapping[str, Any]], names: Sequence[str], ratio: float) -> None:
    """Make the vertical axis logarithmic if all values are above 0 and their ratio exceeds `ratio`."""
    values = [value for name in names for value in column(rows, name)[1]]
    if not values or min(values) <= 0 or max(values) <= ratio * min(values):
        return
    axis.set_yscale("log")
    if max(values) < 1e3 * min(values):
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_formatter(NullFormatter())


def _legend(axis: Any) -> None:
    handles, _ = axis.get_legend_handles_labels()
    if len(handles) > 1:
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=len(handles))
