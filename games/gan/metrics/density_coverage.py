"""Density and coverage.

    density = 1/(kN) Σᵢ #{j : ‖xᵢ − yⱼ‖ ≤ rₖ(yⱼ)},    coverage = #{j : some i has ‖xᵢ − yⱼ‖ ≤ rₖ(yⱼ)} / M

of generated x and real y, with rₖ(y) the distance of y to the k-th nearest real one, k = 5. M. Naeem et al., "Reliable Fidelity and
Diversity Metrics for Generative Models", arXiv:2002.09797, equations 3 and 4. An outlier among the data, whose ball is large, counts once
in density where it lets all of precision through; coverage asks that each real sample has a generated one near, in balls that do not
depend on the generator. Expected of real data: density 1, coverage 1 − (N−1)⋯(N−k)/((2N−1)⋯(2N−k)), which is 1 − 2⁻ᵏ for many samples
(lemma 2). Density may exceed 1.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples

NEIGHBOURS = 5


class Density(Metric):
    """How many real samples' balls a generated one lies in, over how many are expected."""

    best = 1.0

    def value(self, samples: Samples) -> Tensor:
        fake_real = samples.pairs[2]
        inside = fake_real <= samples.reach[1][:, NEIGHBOURS - 1]
        return inside.sum().to(fake_real) / (NEIGHBOURS * len(fake_real))


class Coverage(Metric):
    """The share of real samples that have a generated one among their nearest."""

    best = 1.0

    def value(self, samples: Samples) -> Tensor:
        fake_real = samples.pairs[2]
        return (fake_real <= samples.reach[1][:, NEIGHBOURS - 1]).any(dim=0).to(fake_real).mean()
