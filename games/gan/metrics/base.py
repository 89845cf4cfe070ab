"""What a metric is, and what it is given: generated and real samples, and what is known of the data.

Shapes: N, M = samples, * = the shape of one, D = numbers of one, K = modes, L = classes, F = features.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from arena.core.measures import Evaluation
from arena.errors import GameFault
from arena.games.data.judge import Judge

NEAREST = 5
"""How many nearest neighbours of a sample are looked for."""

PAIRS = 1024
"""Samples of either kind that are compared pair by pair, at most: its cost grows with the square."""


@dataclass(frozen=True)
class Modes:
    """The equal Gaussians that data are a mixture of.

    Args:
        centres: their means, (K, D).
        sigma: their standard deviation along each axis.

    Raises:
        GameFault: where two of them are the same, so that the samples of one would be dealt out to both.

    Example:
        >>> angle = torch.linspace(0, 2 * torch.pi, 8)
        >>> Modes(torch.stack([angle.cos(), angle.sin()], dim=1), 0.1)
        Traceback (most recent call last):
        ...
        arena.errors.GameFault: modes 0 and 7 are the same, so that 8 modes are 7; leave one out (equal angles end before the full circle)
    """

    centres: Tensor
    sigma: float | Tensor

    def __post_init__(self) -> None:
        count, extent = len(self.centres), self.centres.abs().max()
        apart = torch.cdist(self.centres, self.centres).fill_diagonal_(torch.inf)
        if bool((same := apart < 1e-3 * extent).any()):
            first, second = same.nonzero()[0].tolist()
            raise GameFault(
                f"modes {first} and {second} are the same, so that {count} modes are {count - 1}; leave one out "
                "(equal angles end before the full circle)"
            )


@dataclass
class Samples:
    """Generated and real samples, and what is known of the data.

    Args:
        fake: generated samples, N × *.
        real: real samples, M × *.
        evaluation: when a sample counts as good, and a mode as covered.
        modes: of the data, where they have some.
        judge: a classifier of the data, where they have labels.
        seen: what it sees in the real samples, where that is known already.
    """

    fake: Tensor
    real: Tensor
    evaluation: Evaluation = field(default_factory=Evaluation)
    modes: Modes | None = None
    judge: Judge | None = None
    seen: tuple[Tensor, Tensor] | None = None

    @cached_property
    def distances(self) -> Tensor:
        """The distance of each mode from each generated sample, in standard deviations: (N, K), in the region's own norm."""
        assert self.modes is not None
        offset_NKD = (self.fake.flatten(1).unsqueeze(1) - self.modes.centres.to(self.fake)) / self.modes.sigma
        return offset_NKD.norm(dim=2) if self.evaluation.region == "ball" else offset_NKD.abs().amax(dim=2)

    @cached_property
    def nearest(self) -> Tensor:
        """Which mode is nearest to each generated sample, as ones among zeros: (N, K)."""
        distances = self.distances
        return _one_of(distances.argmin(dim=1), distances)

    @cached_property
    def hits(self) -> Tensor:
        """The same, where the sample is also within the radius of its mode, and only zeros elsewhere: (N, K)."""
        return self.nearest * (self.distances <= self.evaluation.radius)

    @cached_property
    def looks(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """What the judge sees in generated and in real samples: features (N, F) and logits (N, L) of either."""
        assert self.judge is not None
        return self.judge.look(self.fake), self.seen or self.judge.look(self.real)

    @cached_property
    def classes(self) -> Tensor:
        """Which class the judge takes each generated sample for, as ones among zeros: (N, L)."""
        logits = self.looks[0][1]
        return _one_of(logits.argmax(dim=1), logits)

    @cached_property
    def features(self) -> tuple[Tensor, Tensor]:
        """Where samples are compared: in the judge's features where there is a judge, else as they are; (N, F) and (M, F)."""
        if self.judge is None:
            return self.fake.flatten(1), self.real.flatten(1)
        return self.looks[0][0], self.looks[1][0]

    @cached_property
    def pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Euclidean distances in those features, of the first samples and as many of either kind: fake–fake, real–real, fake–real."""
        fake, real = self.features
        n = min(len(fake), len(real), PAIRS)
        fake, real = fake[:n], real[:n]
        return between(fake, fake), between(real, real), between(fake, real)

    @cached_property
    def reach(self) -> tuple[Tensor, Tensor]:
        """Of these samples the distances to the nearest of their own kind, of generated and of real ones; (N, NEAREST)."""
        fake_fake, real_real, _ = self.pairs
        return nearest(fake_fake), nearest(real_real)


def nearest(distances_NN: Tensor) -> Tensor:
    """Each sample's distances to the nearest other ones, ascending, (N, NEAREST); where there are fewer, the farthest is repeated.

    Example:
        >>> nearest(torch.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]))[:, :3]
        tensor([[1., 3., 3.],
                [1., 2., 2.],
                [2., 3., 3.]])
    """
    others = min(NEAREST, distances_NN.shape[1] - 1)
    found = distances_NN.topk(others + 1, dim=1, largest=False).values[:, 1:]
    return torch.cat([found, *[found[:, -1:]] * (NEAREST - others)], dim=1)


class Metric(ABC):
    """One number of generated against real samples.

    Class attributes:
        needs: what must be known of the data: nothing, their modes, or a judge of them.
        best: the value that no generator can better; as a score, where lower is better, a metric counts by its distance from it. None
            where it cannot be a score.
        compares: whether real data have a value of their own in it.
    """

    needs: ClassVar[Literal["nothing", "modes", "judge"]] = "nothing"
    best: ClassVar[float | None] = 0.0
    compares: ClassVar[bool] = True

    @abstractmethod
    def value(self, samples: Samples) -> Tensor:
        """The number, by tensor arithmetic alone, so that it can be mapped over the members of a population."""

    def score(self, samples: Samples) -> Tensor:
        """Its distance from the best value: lower is better."""
        assert self.best is not None
        return (self.best - self.value(samples)).abs()


def between(a_ND: Tensor, b_MD: Tensor) -> Tensor:
    """Euclidean distances, (N, M).

    Of a few numbers the differences are squared; of many, products of matrices are several times as fast, and the rounding of squares that
    are subtracted is small beside distances that so many numbers add to.

    Example:
        >>> between(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[5., 1.]])
    """
    few = a_ND.shape[1] <= 8
    return torch.cdist(a_ND, b_MD, compute_mode="donot_use_mm_for_euclid_dist" if few else "use_mm_for_euclid_dist")


def _one_of(index_N: Tensor, like: Tensor) -> Tensor:
    places = torch.arange(like.shape[1], device=like.device)
    return (index_N.unsqueeze(1) == places).to(like)
