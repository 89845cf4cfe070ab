"""Fréchet distance between Gaussians fitted to the judge's features of generated and real samples.

    d² = ‖μ − ν‖² + tr(Σ + Τ − 2 (Σ^½ Τ Σ^½)^½)

D. Dowson and B. Landau, "The Fréchet distance between multivariate normal distributions", J. Multivar. Anal. 12 (1982). The equation,
and the squared value, are those of FID (M. Heusel et al., arXiv:1706.08500), but this is NOT FID: the features are those of a small
classifier of the same data set, so the values do not compare with published ones.

Features that are never active make the covariances singular. The product under the root is symmetric, so its eigenvalues suffice;
those that are negative by rounding are set to 0.
"""

import torch
from torch import Tensor

from arena.games.gan.metrics.base import Metric, Samples


def frechet_distance(mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor) -> Tensor:
    """Return d² of two Gaussians.

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
    """Return mean and covariance in float64: float32 loses four digits of the trace in the root."""
    features = features_NF.double()
    mean = features.mean(dim=0)
    centred = features - mean
    return mean, centred.T @ centred / (len(features) - 1)
