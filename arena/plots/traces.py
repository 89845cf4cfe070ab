"""Traces of a run over its turns."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from arena.plots.style import ATTRACTED, DATA, FIRST, INK, REPELLED, SECOND, figure, styled


@styled
def traces(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], ceiling: float | None = None) -> Figure:
    """Draw losses and gradient norms of the players or their parts, and the score, from the rows of a trace."""
    drawing, axes = figure(9.6, 2.7, 1, 3)
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


def _legend(axis: Any) -> None:
    if axis.get_legend_handles_labels()[0]:
        axis.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
