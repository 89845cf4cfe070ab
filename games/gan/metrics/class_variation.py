"""Total variation between the classes of generated samples and of the training set.

    TV = ½ Σ_c |p_c − q_c|

p_c is the share of samples that the judge assigns to class c, q_c the share of that label in the training set. It is 0 for a perfect
generator, and about 0.9 for a single digit.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples
from arena.games.gan.metrics.mode_variation import total_variation


class ClassVariation(Metric):
    """Total variation of the histogram of classes, as assigned by the judge."""

    needs = "judge"

    def value(self, samples: Samples) -> Tensor:
        assert samples.judge is not None
        return total_variation(samples.classes.mean(dim=0), samples.judge.shares)
