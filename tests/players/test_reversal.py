"""Gradient reversal: the identity forwards, −λ backwards, and the derivative of the FIELD in forward mode."""

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jvp, vjp, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from arena.players import reverse

DOUBLE = {"dtype": torch.float64}
W = torch.randn(4, 4, generator=torch.Generator().manual_seed(1), **DOUBLE)
X = torch.randn(3, 4, generator=torch.Generator().manual_seed(2), **DOUBLE)
T = torch.randn(3, 4, generator=torch.Generator().manual_seed(3), **DOUBLE)
COUPLINGS = [0.3, torch.tensor(0.3, **DOUBLE)]


def plain(x: Tensor) -> Tensor:
    return torch.tanh(x @ W).pow(2).sum()


def turned(x: Tensor, coupling: float | Tensor) -> Tensor:
    return torch.tanh(reverse(x @ W, coupling)).pow(2).sum()


def finite_difference(function, h: float = 1e-6) -> Tensor:  # type: ignore[no-untyped-def]
    return (function(X + h * T) - function(X - h * T)) / (2 * h)


@pytest.mark.parametrize("coupling", COUPLINGS, ids=["number", "tensor"])
def test_it_is_the_identity_forwards_and_minus_lambda_backwards(coupling: float | Tensor) -> None:
    assert torch.equal(reverse(X, coupling), X)
    expected = -0.3 * grad(plain)(X)
    torch.testing.assert_close(grad(turned)(X, coupling), expected)
    value, pull = vjp(lambda x: turned(x, coupling), X)
    assert torch.equal(value, plain(X))
    torch.testing.assert_close(pull(torch.ones((), **DOUBLE))[0], expected)
    x = X.clone().requires_grad_()
    turned(x, coupling).backward()
    torch.testing.assert_close(x.grad, expected)


@pytest.mark.parametrize("coupling", COUPLINGS, ids=["number", "tensor"])
def test_forward_mode_is_the_derivative_of_what_is_computed(coupling: float | Tensor) -> None:
    """The derivatives of the values, which are preserved, and of the gradient, which is reversed, by finite differences."""
    value, change = jvp(lambda x: turned(x, coupling), (X,), (T,))
    assert torch.equal(value, plain(X))
    torch.testing.assert_close(change, finite_difference(plain), rtol=1e-7, atol=1e-8)
    change = jvp(lambda x: grad(turned)(x, coupling), (X,), (T,))[1]
    torch.testing.assert_close(change, finite_difference(lambda x: -0.3 * grad(plain)(x)), rtol=1e-6, atol=1e-8)


def test_two_backward_passes_turn_twice() -> None:
    """With x² behind the reversal, the gradient is −2λx and its reverse-mode derivative 2λ²; that of the field is −2λ."""
    x = torch.tensor(1.5, requires_grad=True, **DOUBLE)
    (first,) = torch.autograd.grad(reverse(x, 0.5).square(), x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert first.item() == -1.5
    assert second.item() == 0.5
    assert jvp(grad(lambda x: reverse(x, 0.5).square()), (x.detach(),), (torch.ones((), **DOUBLE),))[1].item() == -1.0


def test_lambda_may_differ_from_member_to_member() -> None:
    lam = torch.tensor([0.0, 0.3, 1.0], **DOUBLE)
    stacked = torch.stack([X, X + 1, X - 1])
    alone = [grad(turned)(x, float(c)) for x, c in zip(stacked, lam, strict=True)]
    torch.testing.assert_close(vmap(grad(turned))(stacked, lam), torch.stack(alone))
    live = stacked.clone().requires_grad_()
    vmap(turned)(live, lam).sum().backward()  # as a population's turn does
    torch.testing.assert_close(live.grad, torch.stack(alone))
    products = vmap(lambda x, c: jvp(lambda x: grad(turned)(x, c), (x,), (T,))[1])(stacked, lam)
    each = [jvp(lambda x, c=float(c): grad(turned)(x, c), (x,), (T,))[1] for x, c in zip(stacked, lam, strict=True)]
    torch.testing.assert_close(products, torch.stack(each))


def test_it_is_traced_for_compiled_code() -> None:
    coupling = torch.tensor(0.3, **DOUBLE)
    traced = make_fx(grad(turned))(X, coupling)
    torch.testing.assert_close(traced(X, 2 * coupling), 2 * grad(turned)(X, coupling))


def test_torch_compile_takes_it_whole() -> None:
    for coupling in COUPLINGS:
        x = X.clone().requires_grad_()
        torch.compile(turned, backend="aot_eager", fullgraph=True)(x, coupling).backward()
        torch.testing.assert_close(x.grad, -0.3 * grad(plain)(X))


def test_forward_mode_without_transforms_is_the_same() -> None:
    """Dual numbers through plain autograd, as `Field.jvp` takes them."""
    from torch.autograd import forward_ad

    for coupling in COUPLINGS:
        with forward_ad.dual_level():
            x = forward_ad.make_dual(X.clone(), T).requires_grad_()
            (gradient,) = torch.autograd.grad(turned(x, coupling), x)
            change = forward_ad.unpack_dual(gradient).tangent
        torch.testing.assert_close(change, finite_difference(lambda x: -0.3 * grad(plain)(x)), rtol=1e-6, atol=1e-8)


def test_it_stands_between_modules() -> None:
    first, second = torch.nn.Linear(4, 2).double(), torch.nn.Linear(2, 1).double()
    second(reverse(first(X), 0.25)).sum().backward()
    turned_grads = [p.grad.clone() for p in (*first.parameters(), *second.parameters())]
    first.zero_grad()
    second.zero_grad()
    functional_call(second, dict(second.named_parameters()), first(X)).sum().backward()
    own = [p.grad for p in (*first.parameters(), *second.parameters())]
    for a, b, factor in zip(turned_grads, own, (-0.25, -0.25, 1, 1), strict=True):
        torch.testing.assert_close(a, factor * b)
