"""The number of modes that are covered.

    #{k : #{i : mode k is nearest to xᵢ, and ‖xᵢ − μₖ‖ ≤ rσ} ≥ max(1, sN)}

with the radius r and the share s of the evaluation rule. A. Srivastava et al., "VEEGAN", arXiv:1705.07761, section 4.1, count one hit
(s = 0) within 3σ; others ask for a share of the samples or for a box along the axes, and no two numbers compare unless the rule is the
same. The nearest mode is that in the rule's own norm.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples
from arena.games.gan.metrics.covered import covered


class ModesCovered(Metric):
    """The number of modes with enough samples within the radius; as a score, the number of those without."""

    needs = "modes"

    def value(self, samples: Samples) -> Tensor:
        return covered(samples.hits, samples.evaluation.covered)

    def score(self, samples: Samples) -> Tensor:
        return samples.hits.shape[1] - self.value(samples)
