"""The picture of an attack: what the classifier is shown, and how its accuracy falls as the attack grows stronger.

Shapes: N = images, C, H, W = channels, height, width.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from arena.games.attack.robustness import Threat, attack, curve, evaluating
from arena.players.ball import uniform
from arena.plots.style import DATA, DIFFERENCE, FIRST, INK, SECOND, figure, styled

if TYPE_CHECKING:
    from arena.games.attack.game import Attack

SHOWN = 10
"""Images in the grid."""

NOTHING = 1e-6
"""Below this a difference has no scale."""

ATTACKED = 128
"""Test images of the curve."""


@styled
def draw(game: "Attack") -> Any:
    """Clean, perturbed, difference; and the accuracy of the game's classifier over ε, FGSM beside PGD."""
    classifier, threat = game.players["classifier"], Threat(game.epsilon, game.norm, game.steps)
    image, label = game.test_images(max(SHOWN, min(ATTACKED, game.scored)))
    shown, own = image[:SHOWN], label[:SHOWN]
    begin = game.epsilon * uniform(tuple(shown.shape), game.norm, torch.Generator(device=image.device).manual_seed(0)).to(image)
    with torch.no_grad(), evaluating(classifier):
        delta, _ = attack(classifier, shown, own, threat, begin)
        believed = [classifier(x).argmax(1).tolist() for x in (shown, shown + delta)]
    rows = {"clean": (shown, believed[0]), "perturbed": (shown + delta, believed[1]), "difference": (delta, None)}
    epsilons = [game.epsilon * part for part in (0, 0.25, 0.5, 0.75, 1, 1.25)] if game.epsilon else [0.0]
    lines = {
        f"PGD-{game.steps}": curve(classifier, image, label, epsilons, threat),
        "FGSM" if game.norm == "linf" else "one step": curve(classifier, image, label, epsilons, Threat.fgsm(game.epsilon, game.norm)),
    }
    made, axes = figure(10.8, 3.1, 1, 2, width_ratios=[2.4, 1])
    made.set_layout_engine("compressed")
    _grid(axes[0, 0], rows, own.tolist())
    accuracy_over_epsilon(axes[0, 1], epsilons, lines, game.epsilon, game.norm)
    axes[0, 0].set_title(f"PGD-{game.steps} at ε = {game.epsilon:g}, and what the classifier takes each image for (orange: wrong)")
    axes[0, 1].set_title(f"on {len(image)} test images")
    return made


def _grid(axis: Any, rows: Mapping[str, tuple[Tensor, list[int] | None]], label: Sequence[int]) -> None:
    """Rows of images with what the classifier takes each for, in orange where that is wrong, and the scale of the row without guesses."""
    height, width = next(iter(rows.values()))[0].shape[2:]
    gap, words, wide = 0.12 * height, 0.36 * height, 1.12 * width
    down = 0.0
    for name, (images, believed) in rows.items():
        down += gap + (words if believed is not None else 0)
        pixels = images.detach().cpu().float().mean(1)
        reach = max(float(pixels.abs().max()), NOTHING)
        look: dict[str, Any] = (
            {"cmap": "gray", "vmin": 0, "vmax": 1} if believed is not None else {"cmap": DIFFERENCE, "vmin": -reach, "vmax": reach}
        )
        for n, image in enumerate(pixels):
            drawn = axis.imshow(image, extent=(n * wide, n * wide + width, down + height, down), interpolation="nearest", **look)
            if believed is not None:
                right = believed[n] == label[n]
                style = {"color": INK if right else FIRST, "weight": "normal" if right else "bold"}
                axis.text(n * wide + width / 2, down - 0.06 * height, str(believed[n]), ha="center", va="bottom", fontsize=8, **style)
        axis.text(-0.16 * width, down + height / 2, name, ha="right", va="center", fontsize=8, color="#5f6670")
        if believed is None:
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
    """Robustness curves on an axis, and the ε that was trained for."""
    styles = [(SECOND, "-", "o"), (FIRST, "--", "s"), (INK, "-.", "^"), ("#1b8a78", ":", "D")]
    for (name, accuracy), (colour, line, marker) in zip(lines.items(), styles, strict=False):
        axis.plot(epsilons, np.array(accuracy), color=colour, linestyle=line, marker=marker, markersize=3.5, label=name)
    if epsilon:
        axis.axvline(epsilon, color=DATA, linewidth=0.8, linestyle="--", label=f"the game's ε = {epsilon:g}")
    ball = "L∞" if norm == "linf" else "L2"
    axis.set(xlabel=f"ε ({ball})", ylabel="accuracy", ylim=(-0.03, 1.03))
    axis.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
