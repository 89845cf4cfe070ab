"""Traces of domain adaptation: labels, domains, and the target, whose accuracy and cross-entropy may diverge."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from arena.plots import style as plots
from arena.plots.traces import column, draw_column


@plots.styled
def traces(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Draw accuracies; losses, with ln 2 for indistinguishable domains; and on the target three quantities on axes of their own."""
    drawing, axes = plots.figure(13.2, 3.0, columns=5)
    accuracies, losses, *target = axes[0]
    lines = [
        (accuracies, "game.label_accuracy", "source labels", plots.DATA, "-"),
        (accuracies, "game.target_accuracy", "target labels", plots.INK, "-"),
        (accuracies, "game.domain_accuracy", "domains", plots.SECOND, "-"),
        (losses, "game.label_loss", "source labels", plots.DATA, "-"),
        (losses, "game.domain_loss", "domains", plots.SECOND, "-"),
        (target[0], "metrics.target-cross-entropy", "", plots.INK, "-"),
        (target[1], "metrics.calibration-error", "", plots.INK, "-"),
        (target[2], "metrics.proxy-a-distance", "", plots.SECOND, "-"),
    ]
    for axis, name, label, colour, style in lines:
        draw_column(axis, rows, name, color=colour, linestyle=style, label=label)
    for axis, field, at, label in (
        (accuracies, "game.domain_accuracy", 0.5, "½: domains alike"),
        (losses, "game.domain_loss", math.log(2), "ln 2: domains alike"),
    ):
        if column(rows, field)[1]:
            axis.axhline(at, color=plots.SECOND, linestyle=":", linewidth=0.9, label=label)
    accuracies.set(title="accuracy on the batch", ylim=(0, 1.03))
    losses.set(title="loss on the batch", ylim=(0, None))
    for axis, title in zip(target, ("cross-entropy, target", "calibration error, target", "proxy A-distance"), strict=True):
        axis.set_title(title)
    for axis in axes[0]:
        axis.set_xlabel("turn")
        axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))
        if axis.get_legend_handles_labels()[0]:
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, columnspacing=1.2)
    return drawing
