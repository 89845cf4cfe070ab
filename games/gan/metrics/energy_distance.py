"""Energy distance.

    D(X, Y) = √(2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖)

It is 0 only if the distributions are equal, and needs neither bandwidth nor directions. Expectations are means over all pairs, including
each sample with itself, which keeps the root real. Images are compared by the judge's features. In one dimension it equals
`scipy.stats.energy_distance`.

G. Székely and M. Rizzo, "Energy statistics", J. Stat. Plan. Inference 143 (2013).
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


def energy_distance(fake_fake: Tensor, real_real: Tensor, fake_real: Tensor) -> Tensor:
    """Return the energy distance, given all pairwise distances.

    Example:
        >>> import torch
        >>> from arena.games.gan.metrics.base import between
        >>> a, b = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])
        >>> float(energy_distance(between(a, a), between(b, b), between(a, b)) ** 2)
        10.0
    """
    squared = 2 * fake_real.mean() - fake_fake.mean() - real_real.mean()
    return squared.clamp(min=0).sqrt()


class EnergyDistance(Metric):
    """Energy distance of generated to real samples."""

    def value(self, samples: Samples) -> Tensor:
        return energy_distance(*samples.pairs)
