"""Sliced Wasserstein distance: the Wasserstein distance of projections, averaged over directions.

As a GAN's default score, it is averaged over several pairs of samples; as a metric beside another score, it uses one pair.
"""

from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples
from arena.games.gan.scores import directions, sliced_wasserstein


class SlicedWasserstein(Metric):
    """1-Wasserstein distance of generated to real samples, averaged over 64 directions."""

    def value(self, samples: Samples) -> Tensor:
        fake_ND, real_ND = samples.fake.flatten(1), samples.real.flatten(1)
        n = min(len(fake_ND), len(real_ND))
        return sliced_wasserstein(fake_ND[:n], real_ND[:n].to(fake_ND), directions(fake_ND.shape[1], 64, fake_ND.dtype).to(fake_ND))
