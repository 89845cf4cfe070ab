"""Metrics of generated against real samples, one file each. A new file is found by itself.

A metric is a subclass of `Metric`; which ones a game has follows from what is known of its data (`Samples`): points in the plane have
distances, mixtures of Gaussians also have modes, and labelled images have a judge. None of them is FID: that means the features of one
network trained on ImageNet, which say nothing of points, and little of digits.
"""

import functools
import importlib
import pkgutil

from arena.games.gan.metrics.base import Metric, Modes, Samples
from arena.registry.entries import dashed

__all__ = ["Metric", "Modes", "Samples", "metrics"]


@functools.cache
def metrics() -> dict[str, Metric]:
    """Every metric by its name: that of its class, in lower case with dashes.

    Example:
        >>> list(metrics())[:3]
        ['class-variation', 'classes-covered', 'coverage']
    """
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    found: list[type[Metric]] = []
    pending = Metric.__subclasses__()
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        if kind.__module__.startswith(f"{__name__}.") and not kind.__abstractmethods__:
            found.append(kind)
    return dict(sorted((dashed(kind.__name__), kind()) for kind in found))
