"""The confidence of a classifier and the cost of its worst predictions: why the cross-entropy may explode while the accuracy rises.

Shapes: N = examples, K = classes.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from arena.games.adaptation.calibration import calibration_error
from arena.plots import style as plots

WORST = 12
"""Shown examples."""


@plots.styled
def confidence(logits_NK: Tensor, labels_N: Tensor, examples: Tensor) -> Any:
    """Draw histograms of the confidence of right and wrong predictions, the cross-entropy's concentration, and the costliest examples.

    `examples` are N × 2 points, or N × C × H × W images in [−½, ½].
    """
    logits_NK, labels_N, examples = logits_NK.double().cpu(), labels_N.cpu(), examples.float().cpu()
    sure_N, guess_N = logits_NK.softmax(1).max(1)
    right_N = guess_N == labels_N
    cost_N = cross_entropy(logits_NK, labels_N, reduction="none")
    drawing, axes = plots.figure(10.4, 3.4, columns=3)
    histogram, curve, shown = axes[0]

    bins = np.linspace(0, 1, 21)
    for which, colour, word in ((right_N, plots.DATA, "right"), (~right_N, plots.FIRST, "wrong")):
        histogram.hist(sure_N[which].numpy(), bins=bins, color=colour, alpha=0.65, label=f"{word}: {int(which.sum()):,}")
    error = float(calibration_error(logits_NK, labels_N))
    histogram.set(yscale="log", xlabel="confidence", ylabel="examples", xlim=(0, 1), ylim=(0.7, None))  # so that one example is a bar
    histogram.set_title(f"accuracy {100 * float(right_N.double().mean()):.1f} %, calibration error {error:.3f}")
    histogram.legend(loc="upper left")
    histogram.set_axisbelow(True)

    worst = cost_N.argsort(descending=True)
    borne = worst_share(cost_N)
    curve.plot(np.arange(len(borne) + 1) / len(borne) * 100, np.concatenate([[0], 100 * borne]), color=plots.INK)
    percent = max(1, len(borne) // 100)
    curve.plot(100 * percent / len(borne), 100 * borne[percent - 1], "o", color=plots.FIRST, markersize=4)
    curve.annotate(
        f"the worst 1 % bear {100 * borne[percent - 1]:.0f} %",
        (100 * percent / len(borne), 100 * borne[percent - 1]),
        xytext=(8, -3),
        textcoords="offset points",
        fontsize=8,
        color=plots.FIRST,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )
    curve.set(xlabel="examples, the worst first, %", ylabel="of the cross-entropy, %", xlim=(0, 100), ylim=(0, 103))
    curve.set_title(f"cross-entropy {float(cost_N.mean()):.2f}, median {float(cost_N.median()):.2g}")

    worst = worst[:WORST]
    words = [f"{int(labels_N[i])} as {int(guess_N[i])}\n{float(cost_N[i]):.1f}" for i in worst]
    shown.set_title("costliest: class as guess, cost" if examples.dim() == 4 else f"the costliest {WORST}")
    shown.set_axis_off()
    if examples.dim() == 4:
        _images(shown, examples[worst] + 0.5, words)
    else:
        shown.scatter(*examples.T.numpy(), s=4, color=plots.DATA, alpha=0.5, linewidths=0)
        shown.scatter(*examples[worst].T.numpy(), s=24, color=plots.FIRST, linewidths=0)
        shown.set_aspect("equal")
    return drawing


def worst_share(cost_N: Tensor) -> np.ndarray:
    """Return the share of the total cost of the worst 1, 2, … examples.

    Example:
        >>> worst_share(torch.tensor([1.0, 5.0, 2.0])).tolist()
        [0.625, 0.875, 1.0]
    """
    ordered = cost_N.sort(descending=True).values.cumsum(0)
    return (ordered / ordered[-1].clamp(min=torch.finfo(ordered.dtype).tiny)).numpy()


def _images(axis: Any, images: Tensor, words: list[str], columns: int = 4) -> None:
    for place, (image, word) in enumerate(zip(images, words, strict=True)):
        row, column = divmod(place, columns)
        inner = axis.inset_axes((column / columns, 1 - (row + 1) / 3, 0.92 / columns, 0.22))
        inner.imshow(image.clamp(0, 1).permute(1, 2, 0).expand(-1, -1, 3).numpy(), interpolation="nearest")
        inner.set_axis_off()
        inner.text(0.5, 1.02, word.replace("\n", "  "), transform=inner.transAxes, ha="center", va="bottom", fontsize=7, color=plots.INK)
