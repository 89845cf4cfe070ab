"""Scores against closed forms, the score of real data, and planar data sets."""

import pytest
import torch
from torch import Tensor

from arena.games import Digits, SwissRoll
from arena.games.data import planar
from arena.games.gan.scores import ascending, directions, sliced_wasserstein


def test_a_shift_in_the_plane() -> None:
    """SW₁ of a distribution and its copy shifted by s is |s|·E|cos θ| = 2|s|/π."""
    a = torch.randn(500, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shifted = a + torch.tensor([3.0, 4.0], dtype=torch.float64)
    measured = sliced_wasserstein(a, shifted, directions(2, 10_000).double())
    assert float(measured) == pytest.approx(2 * 5 / torch.pi, rel=1e-6)


def test_gaussians_of_two_widths() -> None:
    """W₁ between N(0, 1) and N(0, 4) in one dimension is E|X| = √(2/π)."""
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(200_000, 1, generator=rng), 2 * torch.randn(200_000, 1, generator=rng)
    assert float(sliced_wasserstein(a, b, torch.ones(1, 1))) == pytest.approx((2 / torch.pi) ** 0.5, abs=0.01)


def test_real_data_score_at_their_ceiling() -> None:
    class Perfect(SwissRoll):
        def generate(self, n: int, repeat: int = 0) -> torch.Tensor:
            return self.real(n, torch.Generator().manual_seed(777 + repeat))

    game = Perfect()
    assert float(game.score()) == pytest.approx(game.ceiling(), rel=0.35)
    with torch.no_grad():
        assert float(SwissRoll().score()) > 5 * game.ceiling()


def test_image_scores_compare_with_the_test_set() -> None:
    game = Digits()
    assert 0 < game.ceiling() < 0.1
    with torch.no_grad():
        assert float(game.score()) > 5 * game.ceiling()


PLANAR = [planar.swiss_roll, planar.ring, planar.two_modes, planar.grid, planar.two_moons, planar.pinwheel, planar.checkerboard]


@pytest.mark.parametrize("data", PLANAR)
def test_planar_data_are_seeded_and_centred(data) -> None:  # type: ignore[no-untyped-def]
    points = data(20_000, torch.Generator().manual_seed(0))
    assert torch.equal(points, data(20_000, torch.Generator().manual_seed(0)))
    assert points.shape == (20_000, 2)
    assert points.dtype == torch.float32
    assert float(points.mean(dim=0).abs().max()) < 0.35
    assert 0.3 < float(points.std()) < 3.5


def modes(points: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct points of noise-free data, and their counts."""
    rounded = points.double().round(decimals=3) + 0.0  # −0 becomes 0, which has another angle
    return torch.unique(rounded, dim=0, return_counts=True)


def assert_equal_angles(points: Tensor, expected: int) -> None:
    """Noise-free points lie at `expected` places at equal angles, equally often (to four standard deviations)."""
    places, counts = modes(points)
    assert len(places) == expected
    mean = len(points) / expected
    assert float((counts - mean).abs().max()) < 4 * mean**0.5
    angle = torch.atan2(places[:, 1], places[:, 0]).sort().values
    between = torch.diff(angle, append=angle[:1] + 2 * torch.pi)
    torch.testing.assert_close(between, torch.full_like(between, 2 * torch.pi / expected), rtol=0, atol=1e-3)


def test_the_ring_has_eight_modes_at_equal_angles() -> None:
    assert_equal_angles(planar.ring(10_000, torch.Generator().manual_seed(0), noise=0.0), 8)


def test_the_published_ring_of_seven_modes_is_caught() -> None:
    """The first and last of eight angles from linspace(0, 2π, 8) coincide: seven modes, one of them twice as frequent."""
    which = torch.randint(8, (10_000,), generator=torch.Generator().manual_seed(0))
    angle = torch.linspace(0, 2 * torch.pi, 8)[which]
    with pytest.raises(AssertionError, match="7 == 8"):
        assert_equal_angles(2 * torch.stack([angle.cos(), angle.sin()], dim=1), 8)


def test_the_two_modes_are_equal() -> None:
    exact = planar.two_modes(10_000, torch.Generator().manual_seed(0), noise=0.0)
    assert_equal_angles(exact, 2)
    assert modes(exact)[0].tolist() == [[-1, 0], [1, 0]]
    noise = planar.two_modes(10_000, torch.Generator().manual_seed(0)) - exact
    torch.testing.assert_close(noise.std(dim=0), torch.tensor([0.1, 0.1]), rtol=0.03, atol=0)


def test_the_swiss_roll_is_the_papers() -> None:
    """Noise-free points lie on r = θ/7.5 for θ in [1.5π, 4.5π], uniformly in θ; noise has the standard deviation noise/7.5."""
    points = planar.swiss_roll(50_000, torch.Generator().manual_seed(0), noise=0.0)
    radius = points.norm(dim=1) * 7.5
    torch.testing.assert_close(radius.cos() * radius / 7.5, points[:, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(radius.sin() * radius / 7.5, points[:, 1], atol=1e-4, rtol=0)
    assert float(radius.mean()) == pytest.approx(3 * torch.pi, rel=0.01)
    noisy = planar.swiss_roll(50_000, torch.Generator().manual_seed(0), noise=0.25)
    assert float((noisy - points).std()) == pytest.approx(0.25 / 7.5, rel=0.01)


def test_sorting_is_that_of_torch_mapped_and_differentiated() -> None:
    x = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    for axis, moved in ((0, x), (1, x.movedim(1, 0)), (2, x.movedim(2, 0))):
        assert torch.equal(torch.vmap(ascending, in_dims=axis)(x), moved.sort(dim=-1).values)
    assert torch.autograd.gradcheck(ascending, (x,))
    odd = torch.tensor([[1.0, float("nan"), -float("inf"), 0.0]])
    assert torch.equal(ascending(odd)[:, :3], torch.tensor([[-float("inf"), 0.0, 1.0]])) and ascending(odd)[0, 3].isnan()
