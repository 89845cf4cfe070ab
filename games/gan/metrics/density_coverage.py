"""Density and coverage.

    density = 1/(kN) Σᵢ #{j : ‖xᵢ − yⱼ‖ ≤ rₖ(yⱼ)},    coverage = #{j : some i has ‖xᵢ − yⱼ‖ ≤ rₖ(yⱼ)} / M

for generated x and real y, with rₖ(y) the distance of y to its k-th nearest real neighbour, k = 5. A real outlier with a large ball
counts once in density, although it can saturate precision. Coverage uses balls that do not depend on the generator. Real data have
density 1, which may be exceeded, and coverage 1 − (N−1)⋯(N−k)/((2N−1)⋯(2N−k)) in expectation, about 1 − 2⁻ᵏ for many samples (lemma 2).

M. Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", arXiv:2002.09797, equations 3 and 4.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples

NEIGHBOURS = 5


class Density(Metric):
    """Number of real samples' balls that contain a generated sample, relative to its expectation."""

    best = 1.0

    def value(self, samples: Samples) -> Tensor:
        fake_real = samples.pairs[2]
        inside = fake_real <= samples.neighbour_distances[1][:, NEIGHBOURS - 1]
        return inside.sum().to(fake_real) / (NEIGHBOURS * len(fake_real))


class Coverage(Metric):
    """Share of real samples whose ball contains a generated sample."""

    best = 1.0

    def value(self, samples: Samples) -> Tensor:
        fake_real = samples.pairs[2]
        return (fake_real <= samples.neighbour_distances[1][:, NEIGHBOURS - 1]).any(dim=0).to(fake_real).mean()
