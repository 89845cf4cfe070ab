"""Mutual information of example and prediction on the target.

    H(E p) − E H(p)

It is ln K if every prediction is certain and all classes are equally frequent, and 0 if all predictions are the same: unlike the mean
entropy, it detects a classifier that predicts a single class (Y. Shi and F. Sha, "Information-Theoretical Learning of
Discriminative Clusters for Unsupervised Domain Adaptation", arXiv:1206.6438; as a criterion, K. Musgrave et al., arXiv:2208.07360).
"""

from torch import Tensor

from arena.games.adaptation.criteria.base import Criterion, Outputs, entropy


class InformationMaximisation(Criterion):
    """Mutual information in nats; higher is better."""

    def value(self, outputs: Outputs) -> Tensor:
        return entropy(outputs.target_probabilities.mean(0)) - entropy(outputs.target_probabilities).mean()
