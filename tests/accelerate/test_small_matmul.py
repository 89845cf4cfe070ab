"""What the compiler is given instead of a library's product where a side is short."""

import pytest
import torch

from arena.accelerate.small_matmul import SHORT, WRITTEN_OUT, product, with_bias

SIDES = [(5, 2, 7), (7, 6, 1), (3, 9, 8), (1, 1, 1), (SHORT, SHORT, SHORT), (8, SHORT, 8)]


@pytest.mark.parametrize("members", [(), (3,)])
@pytest.mark.parametrize("sides", SIDES)
def test_products_written_out_are_products(sides: tuple[int, int, int], members: tuple[int, ...]) -> None:
    rows, inner, columns = sides
    torch.manual_seed(0)
    a, b = torch.randn(*members, rows, inner, dtype=torch.float64), torch.randn(*members, inner, columns, dtype=torch.float64)
    torch.testing.assert_close(product(a, b), a @ b, rtol=1e-13, atol=1e-13)
    bias = torch.randn(*members, 1, columns, dtype=torch.float64)
    torch.testing.assert_close(with_bias(bias, a, b), a @ b + bias, rtol=1e-13, atol=1e-13)


def test_long_products_are_left_to_the_library() -> None:
    a, b, bias = torch.randn(6, 5), torch.randn(5, 9), torch.randn(9)
    assert product(a, b) is NotImplemented
    torch.testing.assert_close(with_bias(bias, a, b), torch.addmm(bias, a, b))
    assert with_bias(bias, a, b, beta=2) is NotImplemented


def test_traced_code_holds_no_product_with_a_short_side() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    def net(x: torch.Tensor, w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(torch.nn.functional.linear(x, w), v)

    inputs = torch.randn(8, 2), torch.randn(16, 2), torch.randn(1, 16)
    plain, written = make_fx(net)(*inputs), make_fx(net, decomposition_table=WRITTEN_OUT)(*inputs)
    products = [[n for n in traced.graph.nodes if "mm" in str(n.target)] for traced in (plain, written)]
    assert (len(products[0]), len(products[1])) == (2, 0)
    torch.testing.assert_close(written(*inputs), net(*inputs))
