"""Base class of metrics, and the samples they compare.

Shapes: N, M = samples, * = the shape of one, D = elements of one, K = modes, L = classes, F = features.
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
"""Nearest neighbours per sample."""

PAIRS = 1024
"""Largest number of samples of each kind in pairwise metrics, whose cost is quadratic."""


@dataclass(frozen=True)
class Modes:
    """The modes of a mixture of equal Gaussians.

    Args:
        centres: Means, (K, D).
        sigma: Standard deviation along each axis.

    Raises:
        GameFault: Two centres coincide.

    Example:
        >>> angle = torch.linspace(0, 2 * torch.pi, 8)
        >>> Modes(torch.stack([angle.cos(), angle.sin()], dim=1), 0.1)
        Traceback (most recent call last):
        ...
        arena.errors.GameFault: modes 0 and 7 of 8 coincide. Fix: remove one (equal angles end before the full circle)
    """

    centres: Tensor
    sigma: float | Tensor

    def __post_init__(self) -> None:
        count, extent = len(self.centres), self.centres.abs().max()
        apart = torch.cdist(self.centres, self.centres).fill_diagonal_(torch.inf)
        if bool((same := apart < 1e-3 * extent).any()):
            first, second = same.nonzero()[0].tolist()
            raise GameFault(f"modes {first} and {second} of {count} coincide. Fix: remove one (equal angles end before the full circle)")


@dataclass
class Samples:
    """Generated and real samples, known properties of the data, and quantities that several metrics share.

    Args:
        fake: Generated samples, (N, *).
        real: Real samples, (M, *).
        evaluation: Rule for good samples and covered modes.
        modes: Modes of the data, if known.
        judge: Classifier of the data, if labelled.
        real_outputs: The judge's features and logits of the real samples, if known already.
    """

    fake: Tensor
    real: Tensor
    evaluation: Evaluation = field(default_factory=Evaluation)
    modes: Modes | None = None
    judge: Judge | None = None
    real_outputs: tuple[Tensor, Tensor] | None = None

    @cached_property
    def distances(self) -> Tensor:
        """Distances of generated samples to the modes in standard deviations, in the norm of the evaluation region, (N, K)."""
        assert self.modes is not None
        offset_NKD = (self.fake.flatten(1).unsqueeze(1) - self.modes.centres.to(self.fake)) / self.modes.sigma
        return offset_NKD.norm(dim=2) if self.evaluation.region == "ball" else offset_NKD.abs().amax(dim=2)

    @cached_property
    def nearest(self) -> Tensor:
        """Nearest mode of each generated sample, one-hot, (N, K)."""
        distances = self.distances
        return _one_hot(distances.argmin(dim=1), distances)

    @cached_property
    def hits(self) -> Tensor:
        """Nearest mode of each generated sample, one-hot, or zeros if the mode is farther than the radius, (N, K)."""
        return self.nearest * (self.distances <= self.evaluation.radius)

    @cached_property
    def outputs(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """The judge's features (N, F) and logits (N, L) of generated and of real samples."""
        assert self.judge is not None
        return self.judge.outputs(self.fake), self.real_outputs or self.judge.outputs(self.real)

    @cached_property
    def classes(self) -> Tensor:
        """The judge's class of each generated sample, one-hot, (N, L)."""
        logits = self.outputs[0][1]
        return _one_hot(logits.argmax(dim=1), logits)

    @cached_property
    def features(self) -> tuple[Tensor, Tensor]:
        """Generated and real samples as compared: the judge's features, or the samples themselves without a judge; (N, F), (M, F)."""
        if self.judge is None:
            return self.fake.flatten(1), self.real.flatten(1)
        return self.outputs[0][0], self.outputs[1][0]

    @cached_property
    def pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Euclidean distances between features, of equally many samples of each kind: fake–fake, real–real, fake–real."""
        fake, real = self.features
        n = min(len(fake), len(real), PAIRS)
        fake, real = fake[:n], real[:n]
        return between(fake, fake), between(real, real), between(fake, real)

    @cached_property
    def neighbour_distances(self) -> tuple[Tensor, Tensor]:
        """Distances of generated and of real samples to the nearest of their own kind, (N, NEAREST) each."""
        fake_fake, real_real, _ = self.pairs
        return nearest(fake_fake), nearest(real_real)


def nearest(distances_NN: Tensor) -> Tensor:
    """Return each sample's distances to its nearest neighbours, ascending, (N, NEAREST); with too few samples, the farthest is repeated.

    Example:
        >>> nearest(torch.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]))[:, :3]
        tensor([[1., 3., 3.],
                [1., 2., 2.],
                [2., 3., 3.]])
    """
    others = min(NEAREST, distances_NN.shape[1] - 1)
    if not others:  # a single sample has no neighbour
        return distances_NN.new_zeros(len(distances_NN), NEAREST)
    ascending = distances_NN.topk(others + 1, dim=1, largest=False).values[:, 1:]
    return torch.cat([ascending, *[ascending[:, -1:]] * (NEAREST - others)], dim=1)


class Metric(ABC):
    """One number that compares generated with real samples.

    Class attributes:
        needs: Required knowledge of the data: nothing, modes, or a judge.
        best: Optimal value; as a score, the metric is the distance to it. None if the metric cannot be a score.
        compares: Whether the metric has a reference value for real data.
    """

    needs: ClassVar[Literal["nothing", "modes", "judge"]] = "nothing"
    best: ClassVar[float | None] = 0.0
    compares: ClassVar[bool] = True

    @abstractmethod
    def value(self, samples: Samples) -> Tensor:
        """Return the metric, by tensor operations only, so that vmap over the members of a population works."""

    def score(self, samples: Samples) -> Tensor:
        """Return the distance to the optimal value; lower is better."""
        assert self.best is not None
        return (self.best - self.value(samples)).abs()


def between(a_ND: Tensor, b_MD: Tensor) -> Tensor:
    """Return Euclidean distances, (N, M).

    In few dimensions, differences are squared directly. In many, a matrix product is several times faster, and its rounding error is
    negligible.

    Example:
        >>> between(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[5., 1.]])
    """
    few = a_ND.shape[1] <= 8
    return torch.cdist(a_ND, b_MD, compute_mode="donot_use_mm_for_euclid_dist" if few else "use_mm_for_euclid_dist")


def _one_hot(index_N: Tensor, like: Tensor) -> Tensor:
    places = torch.arange(like.shape[1], device=like.device)
    return (index_N.unsqueeze(1) == places).to(like)
