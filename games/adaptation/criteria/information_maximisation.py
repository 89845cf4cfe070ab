"""Information that the predictions on the target have of the example.

    H(E p) − E H(p)

It is ln K where every prediction is sure and all classes are met equally often, and 0 where all examples get the same one: unlike the mean
entropy it is not deceived by a classifier that takes everything for one class (Y. Shi and F. Sha, "Information-Theoretical Learning of
Discriminative Clusters for Unsupervised Domain Adaptation", arXiv:1206.6438; as a criterion, K. Musgrave et al., arXiv:2208.07360).
"""

from torch import Tensor

from arena.games.adaptation.criteria.base import Criterion, Outputs, entropy


class InformationMaximisation(Criterion):
    """That information in nats; higher is better."""

    def value(self, outputs: Outputs) -> Tensor:
        return entropy(outputs.target_probabilities.mean(0)) - entropy(outputs.target_probabilities).mean()
