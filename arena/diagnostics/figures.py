"""Figures of diagnostics: eigenvalues in the complex plane, and the field along a path."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from arena.plots.style import ATTRACTED, DATA, FIRST, INK, REPELLED, figure, styled


@styled
def eigenvalues(values: np.ndarray, complete: bool, missing: Sequence[str] = ()) -> Figure:
    """Draw all (`complete`) or the outermost eigenvalues of a Jacobian in the complex plane, coloured by the sign of their real part.

    `missing` names the ends of the spectrum that were not found.
    """
    drawing, axes = figure(4.9, 4.0)
    axis = axes[0, 0]
    axis.axvspan(-1e9, 0, color=REPELLED, alpha=0.05, linewidth=0)
    for line in (axis.axhline, axis.axvline):
        line(0, color=DATA, linewidth=0.8)
    radius = float(np.abs(values).max(initial=0)) or 1.0
    nought = np.abs(values.real) <= 1e-6 * radius  # within the accuracy of products with a Jacobian in float32
    groups = {
        "attracts": (~nought & (values.real > 0), ATTRACTED),
        "repels": (~nought & (values.real < 0), REPELLED),
        "neither": (nought, INK),
    }
    for words, (chosen, colour) in groups.items():
        label = f"{words}: {int(chosen.sum())}"
        axis.scatter(values.real[chosen], values.imag[chosen], s=22, color=colour, alpha=0.7, linewidths=0, label=label, zorder=3)
    for limits, parts in ((axis.set_xlim, values.real), (axis.set_ylim, values.imag)):
        low, high = float(parts.min(initial=0)), float(parts.max(initial=0))
        margin = 0.08 * (high - low) or 0.1 * radius
        limits(low - margin, high + margin)
    which = "all" if complete else "outermost"
    title = f"{which} {len(values)} eigenvalues of the field's Jacobian"
    axis.set(xlabel="real part", ylabel="imaginary part", title=title)
    if missing:
        axis.set_title(
            "\n".join([f"{len(values)} eigenvalues of the field's Jacobian", *(f"not found: {end}" for end in missing)]), color=FIRST
        )
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    return drawing


@styled
def path(alphas: np.ndarray, angles: np.ndarray, norms: np.ndarray, old: str, new: str) -> Figure:
    """Draw the field along the line from an old position of the players (α = 0) to a new one (α = 1)."""
    drawing, axes = figure(4.9, 4.2, 2, 1, sharex=True)
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
    drawing.align_ylabels(axes[:, 0])
    below.set_ylim(0, 1.08 * float(np.nanmax(norms)) or 1)
    return drawing
