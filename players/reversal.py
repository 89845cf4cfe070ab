"""Gradient reversal: the identity forwards, −λ times the gradient backwards.

    R(x) = x        (∂R)ᵀg = −λg

Behind it a player who lowers a loss makes the player in front of it raise that loss, so that one backward pass of one scalar is the field
of a game of two (Y. Ganin and V. Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", arXiv:1409.7495, section 3.1).

No function has this derivative, so its second derivative depends on how one asks. The field v = (∇L_y − λ∇L_d, ∇L_d) is computed from the
VALUES of x, which R leaves alone, and from gradients, which it turns. Its derivative along t is therefore had by forward mode over reverse
mode with the identity as the forward derivative of R:

    forward mode    Ṙ = ẋ, and d/dt(−λg) = −λġ

Reverse mode over reverse mode turns twice: it goes through R once more where it follows the values, and multiplies them by −λ as well. It
differentiates what R pretends to be and not the field; take Jᵀc from losses that are written out, as `arena.Field` does.
"""

from typing import Any, cast

import torch
from torch import Tensor


def reverse(x: Tensor, coupling: float | Tensor) -> Tensor:
    """x, whose gradient will be multiplied by −λ.

    Args:
        x: of any shape.
        coupling: λ, a number or a tensor of no axes, which within vmap may differ from member to member; it gets no gradient.

    Returns:
        The same numbers, to the bit.

    Example:
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> y = reverse(x, 0.5)
        >>> (y * y).sum().backward()
        >>> y.tolist(), x.grad.tolist()
        ([1.0, 2.0], [-1.0, -2.0])
    """
    if torch.compiler.is_compiling():
        kind: Any = _Compilable
    else:
        kind = _Transformable if _transforms_active() else _Reversal
    return cast(Tensor, kind.apply(x, coupling))


class _Compilable(torch.autograd.Function):
    """What `torch.compile` can follow: it knows no forward mode."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, coupling: float | Tensor) -> Tensor:
        _keep(ctx, coupling)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        coupling = ctx.saved_tensors[0] if ctx.varies else ctx.coupling
        return gradients[0] * -coupling, None


class _Reversal(_Compilable):
    """In the form without `setup_context`, a call of which takes a tenth of a millisecond less; `torch.func` wants the other one."""

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        return tangents[0].view_as(tangents[0])


class _Transformable(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, coupling: float | Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _keep(ctx, inputs[1])

    backward = _Reversal.backward
    jvp = _Reversal.jvp


def _keep(ctx: Any, coupling: float | Tensor) -> None:
    ctx.varies = isinstance(coupling, Tensor)
    if ctx.varies:
        ctx.save_for_backward(coupling)
    else:
        ctx.coupling = coupling


# Not documented, so a version of torch may lack it: every call is then made in the form that is always right.
_transforms_active = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)
