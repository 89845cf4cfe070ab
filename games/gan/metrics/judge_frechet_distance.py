"""Fréchet distance between Gaussians fitted to the judge's features of generated and of real samples.

    d² = ‖μ − ν‖² + tr(Σ + Τ − 2 (Σ^½ Τ Σ^½)^½)

D. Dowson and B. Landau, "The Fréchet distance between multivariate normal distributions", J. Multivar. Anal. 12 (1982). The equation is
that of FID (M. Heusel et al., arXiv:1706.08500), but this is NOT FID: the features are those of a small classifier of this very data set,
so its numbers compare with nobody else's, and it is named for the judge. As in FID, the square of the distance is given.

The covariances are singular wherever a feature is never active; the product under the root is symmetric, so that its eigenvalues are
enough, and those that rounding makes negative are taken for 0.
"""

import torch
from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


def frechet_distance(mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor) -> Tensor:
    """d² of two Gaussians.

    Example:
        >>> eye = torch.eye(2)
        >>> round(float(frechet_distance(torch.zeros(2), eye, torch.ones(2), 4 * eye)), 4)
        4.0
    """
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors @ (values.clamp(min=0).sqrt().unsqueeze(1) * vectors.T)
    mixed = torch.linalg.eigvalsh(root @ other_covariance @ root).clamp(min=0).sqrt().sum()
    return (mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * mixed


class JudgeFrechetDistance(Metric):
    """Squared Fréchet distance of the judge's features; not FID."""

    needs = "judge"

    def value(self, samples: Samples) -> Tensor:
        return frechet_distance(*(moment for features in samples.features for moment in _moments(features)))


def _moments(features_NF: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance, in double precision: a trace of 64 variances loses four digits to the root that is taken from it."""
    features = features_NF.double()
    mean = features.mean(dim=0)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)
