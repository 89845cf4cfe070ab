"""Number of covered modes.

    #{k : #{i : mode k is nearest to xᵢ, and ‖xᵢ − μₖ‖ ≤ rσ} ≥ max(1, sN)}

with the radius r and the share s of the evaluation rule, in whose norm the nearest mode is determined. A. Srivastava et al., "VEEGAN",
arXiv:1705.07761, section 4.1, count one hit (s = 0) within 3σ; others require a share of the samples, or use a box along the axes.
Compare values under the same rule only.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples
from arena.games.gan.metrics.covered import covered


class ModesCovered(Metric):
    """Number of modes with enough samples within the radius; as a score, the number of modes without."""

    needs = "modes"

    def value(self, samples: Samples) -> Tensor:
        return covered(samples.hits, samples.evaluation.covered)

    def score(self, samples: Samples) -> Tensor:
        return samples.hits.shape[1] - self.value(samples)
