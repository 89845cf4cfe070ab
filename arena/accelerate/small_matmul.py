"""Products of matrices with a short side, written out, so that the compiler fuses them with what stands around them.

A library's product of two matrices is made for sides of hundreds. Where one side is short, as the two coordinates of a point in the plane
or a discriminator's one logit are, calling it costs more than the arithmetic:

    (AB)ᵢⱼ = Σₖ Aᵢₖ Bₖⱼ

is then a sum of a few outer products (k short), or a few weighted sums (i or j short). The bias is added by itself for the same reason: it
joins the activation behind it instead of being copied before the product.

Shapes: I, J = rows and columns of the product, K = what is summed over; a leading member axis where there is one.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

SHORT = 4
"""The longest side that is written out."""

_aten = torch.ops.aten


def product(a_IK: Tensor, b_KJ: Tensor) -> Tensor:
    """AB, written out if a side is short; a leading member axis may stand before both.

    Args:
        a_IK: I × K.
        b_KJ: K × J.

    Returns:
        I × J; `NotImplemented` where no side is short.

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
    """β·bias + α·AB, the bias added behind the product."""
    if beta != 1 or alpha != 1:
        return NotImplemented
    found = product(a_IK, b_KJ)
    found = a_IK @ b_KJ if found is NotImplemented else found
    # Under one more axis, since the compiler would otherwise put the library's product with a bias back together.
    return (found.unsqueeze(0) + bias).squeeze(0)


WRITTEN_OUT: dict[Any, Callable[..., Any]] = {
    _aten.mm.default: product,
    _aten.bmm.default: product,
    _aten.addmm.default: with_bias,
    _aten.baddbmm.default: with_bias,
}
"""What stands in the place of which operation while a field is traced."""
