"""What a criterion is that chooses a checkpoint without target labels, and what it may look at.

Shapes: N = source examples, M = target examples, F = features, K = classes.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class Outputs:
    """Of a classifier in two parts, what may be looked at: no label of the target.

    Args:
        source_features: N × F, of source examples that were not trained on.
        source_logits: N × K, of the same.
        source_labels: N, of the same.
        trained_features: N × F, of source examples that are trained on.
        target_features: M × F, of target examples that are trained on, without labels.
        target_logits: M × K, of the same.
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
    """One number that says how good a classifier may be on the target.

    Class attributes:
        higher_is_better: which way.
    """

    higher_is_better: ClassVar[bool] = True

    @abstractmethod
    def value(self, outputs: Outputs) -> Tensor:
        """The number, by tensor arithmetic alone, so that it can be mapped over the members of a population."""

    def score(self, outputs: Outputs) -> Tensor:
        """The same with the sign by which lower is better."""
        return -self.value(outputs) if self.higher_is_better else self.value(outputs)


def entropy(probabilities: Tensor) -> Tensor:
    """−Σ p ln p over the last axis, in nats; 0 ln 0 is 0.

    Example:
        >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]])).tolist()
        [0.0, 0.6931471824645996]
    """
    return torch.special.entr(probabilities).sum(-1)
