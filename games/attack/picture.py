"""The picture of an attack: images and predictions, clean and perturbed, beside the accuracy over the strength of the attack.

Shapes: N = images, C, H, W = channels, height, width.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from arena.core.view import Keep, free
from arena.games.attack.robustness import Threat, attack, curve
from arena.players.ball import uniform
from arena.players.base import evaluating
from arena.plots.style import DATA, DIFFERENCE, FIRST, INK, SECOND, figure, styled

SHOWN = 10
"""Images in the grid."""

ATTACKED = 128
"""Most images that the curve is measured on."""

NOTHING = 1e-6
"""Smallest difference that gets a colour scale."""

STRENGTHS = (0, 0.25, 0.5, 0.75, 1, 1.25)
"""Multiples of ε on the curve."""


@styled
def draw(classifier: nn.Module, image_NCHW: Tensor, label_N: Tensor, threat: Threat, keep: Keep = free) -> Any:
    """Draw clean images, perturbed images and their difference; beside them the accuracy over ε under FGSM and PGD.

    The threat is PGD from one random start on pixels in [0, 1]. The grid shows the first `SHOWN` images, the curve averages over all.
    `keep` is the game's `fixed`, for a scale of the difference that does not change in a film.
    """
    shown, truth = image_NCHW[:SHOWN], label_N[:SHOWN]
    rng = torch.Generator(device=shown.device).manual_seed(0)
    begin = threat.epsilon * uniform(tuple(shown.shape), threat.norm, rng).to(shown)
    with torch.no_grad(), evaluating(classifier):
        delta, _ = attack(classifier, shown, truth, threat, begin)
        predicted = [classifier(x).argmax(1).tolist() for x in (shown, shown + delta)]
    rows = {"clean": (shown, predicted[0]), "perturbed": (shown + delta, predicted[1]), "difference": (delta, None)}
    epsilons = [threat.epsilon * part for part in STRENGTHS] if threat.epsilon else [0.0]
    single = "FGSM" if threat.norm == "linf" else "one step"
    lines = {
        str(threat): curve(classifier, image_NCHW, label_N, epsilons, threat),
        single: curve(classifier, image_NCHW, label_N, epsilons, Threat.fgsm(threat.epsilon, threat.norm)),
    }
    canvas, axes = figure(10.8, 3.1, 1, 2, width_ratios=[2.4, 1])
    canvas.set_layout_engine("compressed")
    _grid(axes[0, 0], rows, truth.tolist(), keep)
    accuracy_over_epsilon(axes[0, 1], epsilons, lines, threat.epsilon, threat.norm)
    axes[0, 1].get_legend().set_loc("lower left")  # where it stays during a run
    axes[0, 0].set_title(f"{threat} at ε = {threat.epsilon:g}, and the classifier's predictions (orange: wrong)")
    axes[0, 1].set_title(f"on {len(image_NCHW)} test images")
    return canvas


def _grid(axis: Any, rows: Mapping[str, tuple[Tensor, list[int] | None]], label: Sequence[int], keep: Keep) -> None:
    """Draw rows of images with the prediction above each, orange if it is wrong; a row without predictions gets a colour scale."""
    height, width = next(iter(rows.values()))[0].shape[2:]
    gap, words, wide = 0.12 * height, 0.36 * height, 1.12 * width
    down = 0.0
    for name, (images, predicted) in rows.items():
        down += gap + (words if predicted is not None else 0)
        pixels = images.detach().cpu().float().mean(1)
        reach = keep(f"reach of {name}", max(float(pixels.abs().max()), NOTHING))
        look: dict[str, Any] = (
            {"cmap": "gray", "vmin": 0, "vmax": 1} if predicted is not None else {"cmap": DIFFERENCE, "vmin": -reach, "vmax": reach}
        )
        for n, image in enumerate(pixels):
            drawn = axis.imshow(image, extent=(n * wide, n * wide + width, down + height, down), interpolation="nearest", **look)
            if predicted is not None:
                right = predicted[n] == label[n]
                style = {"color": INK if right else FIRST, "weight": "normal" if right else "bold"}
                axis.text(n * wide + width / 2, down - 0.06 * height, str(predicted[n]), ha="center", va="bottom", fontsize=8, **style)
        axis.text(-0.16 * width, down + height / 2, name, ha="right", va="center", fontsize=8, color="#5f6670")
        if predicted is None:
            scale = axis.inset_axes((len(label) * wide, down, 0.12 * width, height), transform=axis.transData)
            ticks = [-reach, 0, reach] if reach > NOTHING else [0]
            axis.figure.colorbar(drawn, cax=scale, ticks=ticks, format="{x:.2g}").outline.set_visible(False)
        down += height
    axis.set(xlim=(0, (len(label) + 0.2) * wide), ylim=(down, 0), aspect="equal")
    axis.set_axis_off()


@styled
def accuracy_over_epsilon(
    axis: Any, epsilons: Sequence[float], lines: Mapping[str, Sequence[float]], epsilon: float | None = None, norm: str = "linf"
) -> None:
    """Draw robustness curves on an axis, and the ε of training."""
    styles = [(SECOND, "-", "o"), (FIRST, "--", "s"), (INK, "-.", "^"), ("#1b8a78", ":", "D")]
    for (name, accuracy), (colour, line, marker) in zip(lines.items(), styles, strict=False):
        axis.plot(epsilons, np.array(accuracy), color=colour, linestyle=line, marker=marker, markersize=3.5, label=name)
    if epsilon:
        axis.axvline(epsilon, color=DATA, linewidth=0.8, linestyle="--", label=f"the game's ε = {epsilon:g}")
    ball = "L∞" if norm == "linf" else "L2"
    axis.set(xlabel=f"ε ({ball})", ylabel="accuracy", ylim=(-0.03, 1.03))
    axis.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
