"""Improved precision and recall.

    precision = #{i : some j has ‖xᵢ − yⱼ‖ ≤ rₖ(yⱼ)} / N,    recall = #{j : some i has ‖yⱼ − xᵢ‖ ≤ rₖ(xᵢ)} / M

for generated x and real y, with rₖ the distance to the k-th nearest neighbour of the same kind, k = 3: the share of generated samples on
the support of the data, and the share of the data on the support of the generator. Both are at most 1; real data stay below.

T. Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", arXiv:1904.06991, equations 1 to 3.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples

NEIGHBOURS = 3


def covered_share(distances_NM: Tensor, radii_M: Tensor) -> Tensor:
    """Return the share of N samples in at least one of M balls.

    Example:
        >>> import torch
        >>> float(covered_share(torch.tensor([[1.0, 5.0], [4.0, 5.0]]), torch.tensor([2.0, 3.0])))
        0.5
    """
    return (distances_NM <= radii_M).any(dim=1).to(distances_NM).mean()


class Precision(Metric):
    """Share of generated samples in a real sample's ball."""

    best = 1.0

    def value(self, samples: Samples) -> Tensor:
        fake_real = samples.pairs[2]
        return covered_share(fake_real, samples.neighbour_distances[1][:, NEIGHBOURS - 1])


class Recall(Metric):
    """Share of real samples in a generated sample's ball."""

    best = 1.0

    def value(self, samples: Samples) -> Tensor:
        fake_real = samples.pairs[2]
        return covered_share(fake_real.T, samples.neighbour_distances[0][:, NEIGHBOURS - 1])
