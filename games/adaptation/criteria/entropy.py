"""Mean entropy of the predictions on the target.

    E H(p),    H(p) = −Σ_k p_k ln p_k

It is low for a confident classifier, but also for one that predicts a single class (P. Morerio et al., "Minimal-Entropy Correlation
Alignment for Unsupervised Deep Domain Adaptation", arXiv:1711.10288, section 3.2).
"""

from typing import ClassVar

from torch import Tensor

from arena.games.adaptation.criteria.base import Criterion, Outputs, entropy


class Entropy(Criterion):
    """The mean entropy in nats; lower is better."""

    higher_is_better: ClassVar[bool] = False

    def value(self, outputs: Outputs) -> Tensor:
        return entropy(outputs.target_probabilities).mean()
