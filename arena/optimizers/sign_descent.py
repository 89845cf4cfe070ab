"""Steps of a given length: steepest descent, min over d of ⟨g, d⟩ with ‖d‖ ≤ η, independent of the gradient's size.

    Sign          ‖·‖∞:             θ ← θ − η·sign(g)
    Normalized    ‖·‖₂ of each row: θₙ ← θₙ − η·gₙ/‖gₙ‖₂

With an attacker's perturbation as θ, one row for each image, they are the steps of FGSM and of PGD with step size α = η: I. Goodfellow
et al., "Explaining and Harnessing Adversarial Examples", arXiv:1412.6572, section 4, and A. Madry et al., "Towards Deep Learning
Models Resistant to Adversarial Attacks", arXiv:1706.06083, section 2.1. A coordinate, or a row, with a gradient of 0 does not move.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class _Steepest(torch.optim.Optimizer):
    """θ ← θ − η·direction(g)."""

    def __init__(self, parameters: Iterable[Any], lr: float = 1e-2):
        super().__init__(parameters, {"lr": lr})

    def direction(self, g: Tensor) -> Tensor:
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(self.direction(p.grad), alpha=-group["lr"])


class Sign(_Steepest):
    """θ ← θ − η·sign(g).

    Args:
        parameters: As for any torch optimizer.
        lr: η, above 0.

    Example:
        >>> p = torch.nn.Parameter(torch.zeros(3))
        >>> p.grad = torch.tensor([5.0, -0.1, 0.0])
        >>> Sign([p], lr=0.5).step()
        >>> p.tolist()
        [-0.5, 0.5, 0.0]
    """

    def direction(self, g: Tensor) -> Tensor:
        return g.sign()


class Normalized(_Steepest):
    """θₙ ← θₙ − η·gₙ/‖gₙ‖₂, a row n being all numbers with one index in the leading axis.

    Args:
        parameters: As for any torch optimizer.
        lr: η, above 0.

    Example:
        >>> p = torch.nn.Parameter(torch.zeros(3, 2))
        >>> p.grad = torch.tensor([[3.0, 4.0], [0.0, -0.1], [0.0, 0.0]])
        >>> Normalized([p], lr=0.5).step()
        >>> p.tolist()
        [[-0.30000001192092896, -0.4000000059604645], [0.0, 0.5], [0.0, 0.0]]
    """

    def direction(self, g: Tensor) -> Tensor:
        return rows_normalized(g, 1)


def rows_normalized(g: Tensor, leading: int) -> Tensor:
    """Divide each row by its Euclidean length; a row of zeros stays zero.

    Args:
        g: Tensor whose first `leading` axes number the rows.
        leading: Number of leading axes.

    Example:
        >>> rows_normalized(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), 1).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    rows = g.flatten(leading) if g.dim() > leading else g.unsqueeze(-1)
    lengths = rows.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(g.dtype).tiny)
    return (rows / lengths).reshape(g.shape)
