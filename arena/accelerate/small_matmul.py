"""Products of matrices with a short side, written out, so that the compiler fuses them with their neighbours.

A library's product of two matrices is made for sides of hundreds. If one side is short, such as the two coordinates of a point in the plane
or a discriminator's one logit, the call costs more than the arithmetic. Then

    (AB)ᵢⱼ = Σₖ Aᵢₖ Bₖⱼ

is written as a sum of a few outer products (k short), or as a few weighted sums (i or j short). The bias is added separately, so that it
fuses with the next activation instead of being copied before the product.

Shapes: I, J = rows and columns of the product, K = the summed axis; a leading member axis in a population.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

SHORT = 4
"""Longest side that is written out."""

_aten = torch.ops.aten


def product(a_IK: Tensor, b_KJ: Tensor) -> Tensor:
    """Return AB (I × J), written out; `NotImplemented` if no side is short. Both may have a leading member axis.

    Example:
        >>> a, b = torch.randn(5, 7), torch.randn(7, 2)
        >>> torch.allclose(product(a, b), a @ b, atol=1e-6)
        True
        >>> product(torch.ones(9, 9), torch.ones(9, 9))
        NotImplemented
    """
    rows, inner, columns = a_IK.shape[-2], a_IK.shape[-1], b_KJ.shape[-1]
    if inner <= SHORT:
        parts = [a_IK[..., :, k : k + 1] * b_KJ[..., k : k + 1, :] for k in range(inner)]
        return sum(parts[1:], parts[0])
    if columns <= SHORT:
        return torch.stack([(a_IK * b_KJ[..., :, j].unsqueeze(-2)).sum(-1) for j in range(columns)], -1)
    if rows <= SHORT:
        return torch.stack([(a_IK[..., i, :].unsqueeze(-1) * b_KJ).sum(-2) for i in range(rows)], -2)
    return NotImplemented


def with_bias(bias: Tensor, a_IK: Tensor, b_KJ: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return β·bias + α·AB, with the bias added after the product."""
    if beta != 1 or alpha != 1:
        return NotImplemented
    c_IJ = product(a_IK, b_KJ)
    c_IJ = a_IK @ b_KJ if c_IJ is NotImplemented else c_IJ
    # With one more axis, because the compiler would otherwise merge the two into the library's product with a bias.
    return (c_IJ.unsqueeze(0) + bias).squeeze(0)


WRITTEN_OUT: dict[Any, Callable[..., Any]] = {
    _aten.mm.default: product,
    _aten.bmm.default: product,
    _aten.addmm.default: with_bias,
    _aten.baddbmm.default: with_bias,
}
"""Replacements by operation, while a field is traced."""
