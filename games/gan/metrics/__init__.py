"""Metrics of generated against real samples, one file each. To add a metric, add a file with a subclass of `Metric`.

The metrics of a game depend on its data (`Samples`): points in the plane have distances, mixtures of Gaussians also have modes, and
labelled images have a judge. None of them is FID, whose features are those of one network trained on ImageNet: they do not apply to points
and barely to digits.
"""

import functools

from arena.games.gan.metrics.base import Metric, Modes, Samples
from arena.registry.entries import shelf

__all__ = ["Metric", "Modes", "Samples", "metrics"]


@functools.cache
def metrics() -> dict[str, Metric]:
    """Return every metric by its class name, in lower case with dashes.

    Example:
        >>> list(metrics())[:3]
        ['class-variation', 'classes-covered', 'coverage']
    """
    return shelf(Metric, __name__)  # type: ignore[type-abstract]
