"""Reverse Kullback–Leibler divergence between the modes that are drawn and the modes that there are.

    KL(p ‖ q) = Σₖ pₖ log(pₖ / qₖ),   qₖ = 1/K

where pₖ is the share of samples nearest to mode k, however far they are, as in Z. Lin et al., "PacGAN", arXiv:1712.04086, section 4.1. It
is 0 for equal shares and log K for one mode alone; that of the data to the samples (the forward one) is infinite where a mode is missing.
"""

import math

import torch
from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


def reverse_kl(p_K: Tensor) -> Tensor:
    """Σ p log(p K), with 0 log 0 = 0.

    Example:
        >>> round(float(reverse_kl(torch.tensor([0.5, 0.5, 0.0, 0.0]))), 4)
        0.6931
    """
    return torch.special.xlogy(p_K, p_K).sum() + math.log(len(p_K)) * p_K.sum()


class ReverseKL(Metric):
    """Reverse KL divergence of the histogram of nearest modes from the uniform one."""

    needs = "modes"

    def value(self, samples: Samples) -> Tensor:
        return reverse_kl(samples.nearest.mean(dim=0))
