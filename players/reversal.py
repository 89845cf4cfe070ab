"""Gradient reversal: the identity in the forward pass, −λ times the gradient in the backward pass.

    R(x) = x        (∂R)ᵀg = −λg

A player behind R that descends a loss makes the player before R ascend it, so one backward pass of one scalar yields the field of a
two-player game (Y. Ganin and V. Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", arXiv:1409.7495, section 3.1).

No function has this derivative, so the second derivative depends on the mode of differentiation. The field v = (∇L_y − λ∇L_d, ∇L_d)
consists of values of x, which R preserves, and of gradients, which it reverses. Forward mode over reverse mode gives its derivative along
t, with the identity as R's forward derivative:

    forward mode    Ṙ = ẋ, and d/dt(−λg) = −λġ

Reverse mode over reverse mode does not: it passes R again on the way through the values and scales them by −λ too. Take Jᵀc from
explicit losses instead, as `arena.Field` does.
"""

from typing import Any, cast

import torch
from torch import Tensor


def reverse(x: Tensor, coupling: float | Tensor) -> Tensor:
    """Return x, of any shape and bit for bit, with its gradient multiplied by −λ.

    Args:
        x: Tensor of any shape.
        coupling: λ, a number or a 0-d tensor, which may differ per member under vmap. It receives no gradient.

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
    """The form that `torch.compile` traces; without forward mode."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, coupling: float | Tensor) -> Tensor:
        _keep(ctx, coupling)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        coupling = ctx.saved_tensors[0] if ctx.varies else ctx.coupling
        return gradients[0] * -coupling, None


class _Reversal(_Compilable):
    """The form without `setup_context`: 0.1 ms faster per call, but not supported by `torch.func`."""

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


# Undocumented in torch. If it is missing, every call uses the form that is always correct.
_transforms_active = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)
