"""Pictures of domain adaptation: the boundary of a classifier of points, and the features of two domains.

Shapes: N = examples, F = features.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arena.core.view import Keep, free
from arena.plots import style as plots
from arena.plots.images import tiled

MARKERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "source": lambda colour: {"s": 11, "marker": "o", "facecolors": "none", "edgecolors": colour, "linewidths": 0.7, "alpha": 0.8},
    "target": lambda colour: {"s": 12, "marker": "^", "facecolors": colour, "linewidths": 0, "alpha": 0.8},
}
"""Style of points by domain, given a colour or one colour per point: hollow, and filled."""


@plots.styled
def boundary(source: Tensor, target: Tensor, source_labels: Tensor, target_labels: Tensor, probability: Callable[[Tensor], Tensor]) -> Any:
    """Draw N × 2 points of both domains on the surface of the probability of class 1.

    The target's labels are drawn, but unknown to the classifier; `probability` maps N × 2 points to N numbers.
    """
    both = torch.cat([source, target]).float()
    low, high = both.amin(0) - 0.3, both.amax(0) + 0.3
    ticks = [torch.linspace(float(a), float(b), 160) for a, b in zip(low, high, strict=True)]
    grid = torch.stack(torch.meshgrid(*ticks, indexing="xy"))
    surface = probability(grid.flatten(1).T).cpu().float().reshape(grid.shape[1:]).numpy()
    drawing, axes = plots.figure(5.6, 4.1)
    axis, (x, y) = axes[0, 0], grid.numpy()
    mesh = axis.contourf(x, y, surface, levels=np.linspace(0, 1, 21), cmap=plots.CLASS_SURFACE, vmin=0, vmax=1)
    axis.contour(x, y, surface, levels=[0.5], colors=[plots.INK], linewidths=1)
    for domain, points, labels in (("source", source, source_labels), ("target", target, target_labels)):
        for label in (0, 1):
            colour = plots.CLASSES[label]
            axis.scatter(*points[labels == label].T.numpy(), **MARKERS[domain](colour), label=f"{domain}, class {label}")
    axis.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()), aspect="equal")
    axis.grid(False)
    bar = drawing.colorbar(mesh, ax=axis, ticks=[0, 0.5, 1], aspect=30, pad=0.02)
    bar.set_label("probability of class 1", fontsize=8)
    bar.outline.set_visible(False)
    drawing.legend(loc="outside lower center", ncols=4, markerscale=1.5)
    return drawing


@plots.styled
def clouds(source: Tensor, target: Tensor, source_labels: Tensor, target_labels: Tensor | None, keep: Keep = free) -> Any:
    """Draw features of both domains along their two principal components, by domain and by class.

    The signs of the components follow the source's first two classes, so that the pictures of a run are comparable. Features are N × F;
    labels of the target are None if they are unknown. `keep` is the game's `fixed`: in a film the components are those of its end.
    """
    both = torch.cat([source, target]).flatten(1).double().cpu()
    labels_of_source = source_labels.cpu()
    centre, axes_F2 = keep("components", _components(both, labels_of_source))
    flat = ((both - centre) @ axes_F2).numpy()
    view = _two_views(flat, labels_of_source, target_labels, "first component of the features", "second component")
    (left, right), (down, up) = view.axes[0].get_xlim(), view.axes[0].get_ylim()
    limits = [keep(name, float(value)) for name, value in (("left", -left), ("right", right), ("down", -down), ("up", up))]
    view.axes[0].set(xlim=(-limits[0], limits[1]), ylim=(-limits[2], limits[3]))
    return view


def _components(both_NF: Tensor, source_labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the two principal components (F × 2) of features of both domains, the source's first."""
    centre = both_NF.mean(0)
    _, _, axes_FF = torch.linalg.svd(both_NF - centre, full_matrices=False)
    axes_F2 = axes_FF[:2].T
    if axes_F2.shape[1] < 2:
        axes_F2 = torch.cat([axes_F2, torch.zeros_like(axes_F2)], 1)
    of_source = (both_NF - centre)[: len(source_labels)] @ axes_F2
    for axis, label in enumerate(source_labels.unique()[:2]):
        axes_F2[:, axis] *= 1 if of_source[source_labels == label, axis].mean() >= 0 else -1
    return centre, axes_F2


@plots.styled
def embedding(source: Tensor, target: Tensor, source_labels: Tensor, target_labels: Tensor | None) -> Any:
    """Draw features as `clouds`, by t-SNE (L. van der Maaten and G. Hinton, 2008), which keeps neighbours, but not distances."""
    from sklearn.manifold import TSNE

    both = torch.cat([source, target]).flatten(1).float().cpu().numpy()
    flat = TSNE(init="pca", random_state=0, perplexity=min(30.0, (len(both) - 1) / 3)).fit_transform(both)
    return _two_views(flat, source_labels.cpu(), target_labels, "t-SNE of the features", "")


@plots.styled
def generated(examples_of: Sequence[Tensor], source_labels: Tensor, target_labels: Tensor) -> Any:
    """Draw source and target examples, N × 2 points or N × C × H × W images in [−½, ½], and those generated from their features.

    `examples_of` are source, made of the source, target, made of the target. Points have the colours of their classes; labels of the target
    are unknown to the players, and below 0 if there are none.
    """
    labels = (source_labels, source_labels, target_labels, target_labels)
    source, panels = examples_of[0], zip(("source", "made of the source", "target", "made of the target"), examples_of, labels, strict=True)
    drawing, axes = plots.figure(10.4, 2.3 if source.dim() == 4 else 2.9, columns=4)
    for axis, (title, examples, label_N) in zip(axes[0], panels, strict=True):
        axis.set_title(title)
        if source.dim() == 4:
            axis.imshow(tiled(examples.cpu() + 0.5, 6), interpolation="nearest")
            axis.set_axis_off()
        else:
            axis.set_axisbelow(True)
            for label in label_N.unique().tolist():
                points, colour = examples[label_N == label].cpu(), _colour(label)
                axis.scatter(*points.T.numpy(), s=6, color=colour, alpha=0.7, linewidths=0, label=f"class {label}" if label >= 0 else None)
            axis.set(aspect="equal", xlim=(-2.6, 2.6), ylim=(-2.1, 2.1))
    if source.dim() != 4:
        drawing.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=2)
    return drawing


def _colour(label: int) -> Any:
    """Return the colour of a class; below 0, of the examples that have none."""
    return plots.CLASSES[label % 10] if label >= 0 else plots.INK


def _two_views(flat: np.ndarray, source_labels: Tensor, target_labels: Tensor | None, along: str, up: str) -> Any:
    """Draw points of both domains by domain, and by class."""
    n = len(source_labels)
    drawing, axes = plots.figure(8.6, 4.2, columns=2, sharex=True, sharey=True)
    by_domain, by_class = axes[0]
    for part, colour, name in ((slice(n), plots.DATA, "source"), (slice(n, None), plots.INK, "target")):
        by_domain.scatter(*flat[part].T, **MARKERS[name](colour), label=name)
    parts = [("source", flat[:n], source_labels), *([("target", flat[n:], target_labels)] if target_labels is not None else [])]
    for name, points, labels in parts:
        by_class.scatter(*points.T, **MARKERS[name]([_colour(label) for label in labels.tolist()]))
    for label in sorted(set(source_labels.tolist()))[:20]:
        by_class.scatter([], [], s=12, marker="s", color=_colour(label), label=str(label))
    by_domain.set_title("by domain")
    by_class.set_title("by class: source ○, target ▲" if target_labels is not None else "by class of the source")
    by_domain.legend(loc="upper right", markerscale=1.5, frameon=True, framealpha=0.85, edgecolor="none")
    by_class.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=1.8, title="class", title_fontsize=8)
    for axis in (by_domain, by_class):
        axis.set(xticks=[], yticks=[], xlabel=along)
    by_domain.set_ylabel(up)
    return drawing
