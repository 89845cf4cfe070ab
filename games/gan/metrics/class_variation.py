"""Total variation between the classes that are drawn and those of the training set.

    TV = ½ Σ_c |p_c − q_c|

where p_c is the share of samples that the judge takes for a c, and q_c the share of that label in the training set. It is 0 for a
perfect sample; a single digit alone has about 0.9.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples
from arena.games.gan.metrics.mode_variation import total_variation


class ClassVariation(Metric):
    """Total variation of the histogram of classes, as the judge sees them."""

    needs = "judge"

    def value(self, samples: Samples) -> Tensor:
        assert samples.judge is not None
        return total_variation(samples.classes.mean(dim=0), samples.judge.shares)
