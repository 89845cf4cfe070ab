"""Total variation between the modes of generated samples and of the data, with a bucket for samples in no mode.

    TV = ½ (Σₖ |pₖ − 1/K| + p₀)

pₖ is the share of samples within the radius of mode k, and p₀ the share within none, 0 for the data. It is 0 for a perfect generator,
1 − 1/K for a single mode, and 1 if no sample is in any mode. Without the bucket, bad samples would not count.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


def total_variation(p_K: Tensor, q_K: Tensor) -> Tensor:
    """Return ½ Σ |p − q|, including the mass that either distribution lacks to 1.

    Example:
        >>> import torch
        >>> float(total_variation(torch.tensor([0.5, 0.25]), torch.tensor([0.5, 0.5])))
        0.25
    """
    return ((p_K - q_K).abs().sum() + (p_K.sum() - q_K.sum()).abs()) / 2


class ModeVariation(Metric):
    """Total variation of the histogram of modes, with a bucket for samples in none."""

    needs = "modes"

    def value(self, samples: Samples) -> Tensor:
        p_K = samples.hits.mean(dim=0)
        return total_variation(p_K, p_K * 0 + 1 / len(p_K))
