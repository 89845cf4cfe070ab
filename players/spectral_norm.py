"""Spectral normalisation: a layer's weight divided by its largest singular value, found by power iteration.

    v ← Wᵀu / ‖Wᵀu‖,  u ← Wv / ‖Wv‖        once after each move
    W̄ = W / σ,  σ = uᵀWv                    with u and v held still while σ is differentiated

so that a layer stretches nothing by more than about 1, and a net of such layers and of activations of slope at most 1 is 1-Lipschitz.
The iteration goes on when the player has moved, not when it is asked for an answer: looking changes nothing, and however often a turn
evaluates the player, it is one function. (T. Miyato et al., "Spectral Normalization for Generative Adversarial Networks",
arXiv:1802.05957, algorithm 1; a weight of more than two axes is taken as the matrix of its first against all others.)

Shapes: O = outputs, I = all other axes of the weight.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

WARM = 15
"""Iterations at the start, when u is random."""


class SpectralNorm(nn.Module):
    """What divides one weight by its largest singular value; the layer's owner calls `follow_` in its `project_`.

    Args:
        weight: of a linear layer or a convolution, (O, …).

    Example:
        >>> layer = nn.Linear(8, 8)
        >>> norm = SpectralNorm(layer.weight)
        >>> round(float(torch.linalg.matrix_norm(norm(layer.weight).detach(), 2)), 1)
        1.0
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor):
        super().__init__()
        matrix_OI = weight.detach().flatten(1)
        u = normalize(torch.randn(len(matrix_OI)).to(matrix_OI), dim=0)
        self.register_buffer("u", u)
        self.register_buffer("v", normalize(matrix_OI.T @ u, dim=0))
        for _ in range(WARM):
            self.follow_(weight)

    def forward(self, weight: Tensor) -> Tensor:
        """W / σ."""
        return weight / torch.dot(self.u, torch.mv(weight.flatten(1), self.v))

    @torch.no_grad()
    def follow_(self, weight: Tensor) -> None:
        """One power iteration on a weight that has moved."""
        matrix_OI = weight.flatten(1)
        v = normalize(torch.mv(matrix_OI.T, self.u), dim=0)
        self.v.copy_(v)
        self.u.copy_(normalize(torch.mv(matrix_OI, v), dim=0))
