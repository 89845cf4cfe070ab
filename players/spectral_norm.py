"""Spectral normalisation: divide a weight by its largest singular value, estimated by power iteration.

    v ← Wᵀu / ‖Wᵀu‖,  u ← Wv / ‖Wv‖        once after each move
    W̄ = W / σ,  σ = uᵀWv                    u and v are constants when σ is differentiated

A layer then has a Lipschitz constant of about 1, and so has a network of such layers with activations of slope at most 1. The iteration
runs when the player moves and never in a forward pass: evaluations change nothing, and all evaluations of a turn see one function.

T. Miyato et al., "Spectral Normalization for Generative Adversarial Networks", arXiv:1802.05957, algorithm 1. A weight of more than two
axes is reshaped to its first axis × all others.

Shapes: O = outputs, I = all other axes of the weight.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

INITIAL_ITERATIONS = 15
"""Power iterations from the random u."""


class SpectralNorm(nn.Module):
    """Division of one weight by its largest singular value; the layer's owner calls `follow_` in its `project_`, and `converted` in
    its `_apply`.

    Args:
        weight: Weight of a linear layer or a convolution, (O, …).

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
        self._random_O = torch.randn(len(weight)).cpu().numpy()  # not a tensor, which members of a population would have to share
        self.register_buffer("u", weight.new_zeros(len(weight)))
        self.register_buffer("v", weight.new_zeros(weight[0].numel()))
        self._begin(weight)

    @torch.no_grad()
    def _begin(self, weight: Tensor) -> None:
        matrix_OI = weight.flatten(1)
        self.u.copy_(normalize(torch.from_numpy(self._random_O).to(matrix_OI), dim=0))
        self.v.copy_(normalize(matrix_OI.T @ self.u, dim=0))
        for _ in range(INITIAL_ITERATIONS):
            self.follow_(weight)
        self._begun = self.u.dtype, self.u.double().cpu().numpy()

    def converted(self, weight: Tensor) -> None:
        """Run the initial iterations again, unrounded, if the precision has changed since and u has not."""
        dtype, begun_O = self._begun
        if self.u.dtype != dtype and torch.equal(self.u, torch.from_numpy(begun_O).to(self.u)):
            self._begin(weight)

    def forward(self, weight: Tensor) -> Tensor:
        """Return W / σ."""
        return weight / torch.dot(self.u, torch.mv(weight.flatten(1), self.v))

    @torch.no_grad()
    def follow_(self, weight: Tensor) -> None:
        """Run one power iteration on the moved weight."""
        matrix_OI = weight.flatten(1)
        v = normalize(torch.mv(matrix_OI.T, self.u), dim=0)
        self.v.copy_(v)
        self.u.copy_(normalize(torch.mv(matrix_OI, v), dim=0))
