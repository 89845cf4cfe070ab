"""Total variation between the modes that are drawn and the modes that there are, with a bucket for what is in none.

    TV = ½ (Σₖ |pₖ − 1/K| + p₀)

where pₖ is the share of samples within the radius of mode k, and p₀ the share within that of none, which the data should not have. It is
0 for a perfect sample, 1 − 1/K for one mode alone, and 1 where nothing is in any mode. Without the bucket a generator could throw
away what it draws badly.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


def total_variation(p_K: Tensor, q_K: Tensor) -> Tensor:
    """½ Σ |p − q| of two distributions, in whatever else than K they leave of 1 as well.

    Example:
        >>> import torch
        >>> float(total_variation(torch.tensor([0.5, 0.25]), torch.tensor([0.5, 0.5])))
        0.25
    """
    return ((p_K - q_K).abs().sum() + (p_K.sum() - q_K.sum()).abs()) / 2


class ModeVariation(Metric):
    """Total variation of the histogram over the modes, with a bucket for samples in none."""

    needs = "modes"

    def value(self, samples: Samples) -> Tensor:
        p_K = samples.hits.mean(dim=0)
        return total_variation(p_K, p_K * 0 + 1 / len(p_K))
