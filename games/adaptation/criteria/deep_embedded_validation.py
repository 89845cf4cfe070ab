"""Deep embedded validation: the target's risk, estimated on labelled source examples that are weighted by how target-like they are.

    w = (N/M) · p(target | f) / p(source | f)            of a classifier of domains, fitted to features of trained examples
    R = mean(wℓ) + η mean(w) − η,    η = −Cov(wℓ, w) / Var(w)

with ℓ = 1 for a wrong guess, else 0; R estimates the error on the target, and the control variate η keeps its variance down (K. You et al.,
"Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation", ICML 2019, algorithm 1). Where the domains' features do not
overlap the weights are large and few, and R may be below 0.

Shapes: N = source examples.
"""

from typing import ClassVar

import torch
from torch import Tensor

from arena.games.adaptation.criteria.base import Criterion, Outputs
from arena.games.adaptation.domain_divergence import log_odds


class DeepEmbeddedValidation(Criterion):
    """R, an estimate of the target's error; lower is better."""

    higher_is_better: ClassVar[bool] = False

    def value(self, outputs: Outputs) -> Tensor:
        wrong_N = (outputs.source_logits.argmax(1) != outputs.source_labels).to(outputs.source_logits)
        odds_N = log_odds(outputs.trained_features, outputs.target_features, outputs.source_features).exp()
        return controlled_risk(wrong_N, odds_N * (len(outputs.trained_features) / len(outputs.target_features)))


def controlled_risk(loss_N: Tensor, weight_N: Tensor) -> Tensor:
    """R of losses and weights; the plain mean of the losses where the weights are all 1.

    Example:
        >>> controlled_risk(torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.ones(4)).item()
        0.25
    """
    weighted_N = weight_N * loss_N
    apart_N = weight_N - weight_N.mean()
    variance = apart_N.square().mean()
    covariance = ((weighted_N - weighted_N.mean()) * apart_N).mean()
    eta = -covariance / variance.clamp(min=torch.finfo(weight_N.dtype).eps)  # of equal weights both are rounding alone
    return weighted_N.mean() + eta * weight_N.mean() - eta
