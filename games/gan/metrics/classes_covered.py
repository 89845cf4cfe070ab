"""Number of covered classes, such as the ten digits.

    #{c : #{i : the judge assigns xᵢ to c} ≥ max(1, sN)}

with the share s of the evaluation rule. The judge (`arena.games.data.judge`) makes errors: at s = 0, one misclassified image covers a
class.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples
from arena.games.gan.metrics.covered import covered


class ClassesCovered(Metric):
    """Number of classes with enough samples, as assigned by the judge; as a score, the number of classes without."""

    needs = "judge"

    def value(self, samples: Samples) -> Tensor:
        return covered(samples.classes, samples.evaluation.covered)

    def score(self, samples: Samples) -> Tensor:
        return samples.classes.shape[1] - self.value(samples)
