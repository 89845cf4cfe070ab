"""Gradient penalties against closed forms and finite differences, in their one convention."""

import math

import pytest
import torch
from torch import Tensor, nn

from arena import Rng
from arena.errors import RuleUndefined
from arena.games.gan.penalties import PENALTIES, squared_slopes
from tests.support.operations import Once

N = 7


def examples(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(N, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def line(x: Tensor) -> Tensor:
    """d(x) = 3 x₁ + 4 x₂, of slope 5 everywhere."""
    return x @ torch.tensor([3.0, 4.0], dtype=torch.float64)


def bowl(x: Tensor) -> Tensor:
    """d(x) = 3 ‖x‖², of slope 6 ‖x‖."""
    return 3 * x.flatten(1).square().sum(1)


def value(name: str, discriminator: object, real: Tensor, fake: Tensor, seed: int = 5) -> tuple[Tensor, Tensor]:
    """The penalty, and its points."""
    penalty = PENALTIES[name]
    drawn = penalty.draw(real, Rng().seed_both(0, seed)).double() if penalty.draws else None
    points = penalty.points(real, fake, drawn)
    return penalty.value(discriminator, points), points  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "expected"), [("r1", 12.5), ("r2", 12.5), ("0-gp", 12.5), ("wgan-gp", 8.0), ("dragan", 8.0)])
def test_on_a_line_of_slope_five(name: str, expected: float) -> None:
    """½·25 for a target slope of 0, ½·(5 − 1)² for 1, at any points."""
    penalty, _ = value(name, line, examples(2), examples(2, seed=1))
    assert float(penalty) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("shape", [(2,), (3, 4, 4)])
@pytest.mark.parametrize("name", PENALTIES)
def test_on_a_bowl_the_slope_is_that_at_the_points(name: str, shape: tuple[int, ...]) -> None:
    """Six times the norm of the point over all elements; over the channels alone, images would give another value."""
    penalty, points = value(name, bowl, examples(*shape), examples(*shape, seed=1))
    slopes = 6 * points.flatten(1).norm(dim=1)
    target = 1.0 if name in ("wgan-gp", "dragan") else 0.0
    assert float(penalty) == pytest.approx(float((slopes - target).square().mean() / 2), rel=1e-10)
    if len(shape) == 3:
        over_channels = (6 * points).norm(dim=1)
        assert float(penalty) != pytest.approx(float((over_channels - target).square().mean() / 2), rel=0.1)


def test_where_the_points_are() -> None:
    real, fake = examples(3), examples(3, seed=1)
    at = {name: value(name, bowl, real, fake)[1] for name in PENALTIES}
    assert torch.equal(at["r1"], real) and torch.equal(at["r2"], fake)
    share = (at["wgan-gp"] - fake) / (real - fake)
    torch.testing.assert_close(share, share[:, :1].expand(N, 3))  # one weight per example
    assert bool(((share >= 0) & (share <= 1)).all()) and float(share.std()) > 0.1
    torch.testing.assert_close(at["0-gp"], at["wgan-gp"])
    moved = at["dragan"] - real
    assert bool(((moved >= 0) & (moved <= 0.5 * real.std(correction=0))).all()) and float(moved.max()) > 0


@pytest.mark.parametrize("name", PENALTIES)
def test_its_gradient_is_its_derivative(name: str) -> None:
    """With respect to the discriminator's parameters, by central differences in float64."""
    torch.manual_seed(0)
    player = nn.Sequential(nn.Linear(2, 8), nn.Softplus(), nn.Linear(8, 1)).double()
    real, fake = examples(2), examples(2, seed=1)
    weight, h = player[0].weight, 1e-6
    gradient = torch.autograd.grad(value(name, player, real, fake)[0], weight)[0]
    along = torch.randn(weight.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    sides = []
    with torch.no_grad():
        for sign in (1, -2):
            weight += sign * h * along
            sides.append(float(value(name, player, real, fake)[0]))
        weight += h * along
    assert float((gradient * along).sum()) == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=1e-6)


def test_a_flat_discriminator_has_a_gradient() -> None:
    """‖∇d‖ is not differentiable at 0, where a naive root gives nan."""
    player = nn.Linear(2, 1).double()
    nn.init.zeros_(player.weight)
    penalty, _ = value("wgan-gp", player, examples(2), examples(2, seed=1))
    gradient = torch.autograd.grad(penalty, player.weight)[0]
    assert float(penalty.detach()) == pytest.approx(0.5, abs=1e-5) and bool(gradient.isfinite().all())


def test_slopes_under_vmap() -> None:
    weights = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    points = examples(3)
    slopes = torch.vmap(lambda w: squared_slopes(lambda x: (x @ w).square(), points))(weights)
    expected = (2 * points @ weights.T).square().T * weights.square().sum(1, keepdim=True)
    torch.testing.assert_close(slopes, expected, rtol=1e-12, atol=1e-12)
    assert bool(torch.autograd.grad(slopes.sum(), weights)[0].isfinite().all())


def test_batch_norm_keeps_its_running_statistics() -> None:
    player = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)).double()
    assert math.isfinite(float(value("r1", player, examples(2), examples(2))[0].detach()))
    assert player[1].num_batches_tracked == 0 and player[1].track_running_stats


def test_a_discriminator_without_second_derivatives_is_refused() -> None:
    with pytest.raises(RuleUndefined) as refused:
        value("r1", lambda x: Once.apply(x).sum(1), examples(2), examples(2))
    assert str(refused.value).startswith("the penalty needs second derivatives of the discriminator, which one of its operations lacks (")
    assert str(refused.value).endswith("). Fix: use penalty none, or another discriminator")
