"""The base class of criteria that choose a checkpoint without target labels, and their input.

Shapes: N = source examples, M = target examples, F = features, K = classes.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class Outputs:
    """Outputs of a classifier in two parts, without target labels.

    Args:
        source_features: N × F, of held-out source examples.
        source_logits: N × K, of the same examples.
        source_labels: N, of the same examples.
        trained_features: N × F, of source examples in the training set.
        target_features: M × F, of target examples in the training set, without labels.
        target_logits: M × K, of the same examples.
    """

    source_features: Tensor
    source_logits: Tensor
    source_labels: Tensor
    trained_features: Tensor
    target_features: Tensor
    target_logits: Tensor

    @property
    def target_probabilities(self) -> Tensor:
        """M × K."""
        return self.target_logits.softmax(1)


class Criterion(ABC):
    """One number that predicts the quality of a classifier on the target.

    Class attributes:
        higher_is_better: Direction of the criterion.
    """

    higher_is_better: ClassVar[bool] = True

    @abstractmethod
    def value(self, outputs: Outputs) -> Tensor:
        """Return the metric by tensor arithmetic alone, so that it can be mapped over the members of a population."""

    def score(self, outputs: Outputs) -> Tensor:
        """Return the criterion with the sign that makes lower better."""
        return -self.value(outputs) if self.higher_is_better else self.value(outputs)


def entropy(probabilities: Tensor) -> Tensor:
    """Return −Σ p ln p over the last axis, in nats, with 0 ln 0 = 0.

    Example:
        >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]])).tolist()
        [0.0, 0.6931471824645996]
    """
    return torch.special.entr(probabilities).sum(-1)
