"""The number of classes that are covered: on digits, how many of the ten are drawn.

    #{c : #{i : the judge takes xᵢ for a c} ≥ max(1, sN)}

with the share s of the evaluation rule. The judge is `arena.games.data.judge`, and errs as often as its accuracy says: at s = 0 a single
misjudged image would cover a digit.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples
from arena.games.gan.metrics.covered import covered


class ClassesCovered(Metric):
    """The number of classes with enough samples, as the judge sees them; as a score, the number of those without."""

    needs = "judge"

    def value(self, samples: Samples) -> Tensor:
        return covered(samples.classes, samples.evaluation.covered)

    def score(self, samples: Samples) -> Tensor:
        return samples.classes.shape[1] - self.value(samples)
