"""Deep embedded validation: the target's risk, estimated on labelled source examples with importance weights.

    w = (N/M) · p(target | f) / p(source | f)            by a classifier of domains, fitted to features of the training set
    R = mean(wℓ) + η mean(w) − η,    η = −Cov(wℓ, w) / Var(w)

with ℓ = 1 for a wrong prediction, else 0; R estimates the target's error, and the control variate η reduces its variance (K. You et al.,
"Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation", ICML 2019, algorithm 1). If the domains' features do not
overlap, few weights are large, and R may be below 0.

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
    """Return R from losses and weights; the mean of the losses if all weights are 1.

    Example:
        >>> controlled_risk(torch.tensor([1.0, 0.0, 0.0, 0.0]), torch.ones(4)).item()
        0.25
    """
    weighted_N = weight_N * loss_N
    apart_N = weight_N - weight_N.mean()
    variance = apart_N.square().mean()
    covariance = ((weighted_N - weighted_N.mean()) * apart_N).mean()
    eta = -covariance / variance.clamp(min=torch.finfo(weight_N.dtype).eps)  # for equal weights both are rounding errors
    return weighted_N.mean() + eta * weight_N.mean() - eta
