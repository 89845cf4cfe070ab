"""Share of high-quality samples.

    #{i : min over k of ‖xᵢ − μₖ‖ ≤ rσ} / N

with the radius r of the evaluation rule (A. Srivastava et al., "VEEGAN", arXiv:1705.07761, section 4.1: r = 3). In the plane, real data
reach 1 − exp(−r²/2) for a ball, 98.9 % at r = 3, and erf(r/√2)² for a box, 99.5 %.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


class HighQuality(Metric):
    """Share of samples within the radius of a mode."""

    needs = "modes"
    best = 1.0

    def value(self, samples: Samples) -> Tensor:
        return samples.hits.sum(dim=1).mean()
