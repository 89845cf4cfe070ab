"""Improved precision and recall.

    precision = #{i : some j has ‖xᵢ − yⱼ‖ ≤ rₖ(yⱼ)} / N,    recall = #{j : some i has ‖yⱼ − xᵢ‖ ≤ rₖ(xᵢ)} / M

of generated x and real y, with rₖ(y) the distance of y to the k-th nearest of its own kind, k = 3: what share of the generated samples
lies where data are, and what share of the data where generated samples are. T. Kynkäänniemi et al., "Improved Precision and Recall
Metric for Assessing Generative Models", arXiv:1904.06991, equations 1 to 3. Both are at most 1; real data themselves stay below it.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples

NEIGHBOURS = 3


def covered_share(distances_NM: Tensor, radii_M: Tensor) -> Tensor:
    """The share of N samples that lie in at least one of M balls.

    Example:
        >>> import torch
        >>> float(covered_share(torch.tensor([[1.0, 5.0], [4.0, 5.0]]), torch.tensor([2.0, 3.0])))
        0.5
    """
    return (distances_NM <= radii_M).any(dim=1).to(distances_NM).mean()


class Precision(Metric):
    """The share of generated samples within reach of a real one."""

    best = 1.0

    def value(self, samples: Samples) -> Tensor:
        fake_real = samples.pairs[2]
        return covered_share(fake_real, samples.reach[1][:, NEIGHBOURS - 1])


class Recall(Metric):
    """The share of real samples within reach of a generated one."""

    best = 1.0

    def value(self, samples: Samples) -> Tensor:
        fake_real = samples.pairs[2]
        return covered_share(fake_real.T, samples.reach[0][:, NEIGHBOURS - 1])
