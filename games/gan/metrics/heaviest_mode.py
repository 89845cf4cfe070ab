"""Number of the mode that most generated samples are nearest to, from 0.

It is no measure of quality. If it differs from look to look while few modes are covered, the generator hops from mode to mode.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


class HeaviestMode(Metric):
    """Number of the mode with the most generated samples."""

    needs = "modes"
    best = None
    compares = False

    def value(self, samples: Samples) -> Tensor:
        return samples.nearest.sum(dim=0).argmax().to(samples.nearest)
