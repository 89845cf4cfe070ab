"""Soft neighbourhood density: the effective number of neighbours of a target example, by its predictions.

    S_ij = p̂_i · p̂_j,  p̂ = p/‖p‖        P_ij = e^(S_ij/τ) / Σ_{l ≠ i} e^(S_il/τ), j ≠ i        mean_i −Σ_j P_ij ln P_ij

with τ = 0.05 (K. Saito et al., "Tune it the Right Way: Unsupervised Validation of Domain Adaptation via Soft Neighborhood Density",
arXiv:2108.10860, section 3). It is largest, ln(M − 1), if all predictions are the same: it assumes that classes do not
collapse.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from arena.games.adaptation.criteria.base import Criterion, Outputs, entropy

TEMPERATURE = 0.05


class SoftNeighbourhoodDensity(Criterion):
    """The mean entropy of the similarity distributions in nats; higher is better."""

    def value(self, outputs: Outputs) -> Tensor:
        unit_MK = normalize(outputs.target_probabilities, dim=1)
        itself_MM = torch.eye(len(unit_MK), dtype=torch.bool, device=unit_MK.device)
        similarity_MM = (unit_MK @ unit_MK.T / TEMPERATURE).masked_fill(itself_MM, -torch.inf)
        return entropy(similarity_MM.softmax(1)).mean()
