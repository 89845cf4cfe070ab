"""Reverse Kullback–Leibler divergence of the modes of generated samples from those of the data.

    KL(p ‖ q) = Σₖ pₖ log(pₖ / qₖ),   qₖ = 1/K

pₖ is the share of samples nearest to mode k at any distance, as in Z. Lin et al., "PacGAN", arXiv:1712.04086, section 4.1. It is 0 for
equal shares and log K for a single mode. The forward divergence is infinite if a mode is missing.
"""

import math

import torch
from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


def reverse_kl(p_K: Tensor) -> Tensor:
    """Return Σ p log(p K), with 0 log 0 = 0.

    Example:
        >>> round(float(reverse_kl(torch.tensor([0.5, 0.5, 0.0, 0.0]))), 4)
        0.6931
    """
    return torch.special.xlogy(p_K, p_K).sum() + math.log(len(p_K)) * p_K.sum()


class ReverseKL(Metric):
    """Reverse KL divergence of the histogram of nearest modes from the uniform distribution."""

    needs = "modes"

    def value(self, samples: Samples) -> Tensor:
        return reverse_kl(samples.nearest.mean(dim=0))
