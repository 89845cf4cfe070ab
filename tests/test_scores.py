"""Scores against closed forms, and what real data score against themselves."""

import pytest
import torch

from games import Digits, SwissRoll
from games.data import planar
from games.scores import directions, sliced_wasserstein


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


@pytest.mark.parametrize("data", [planar.swiss_roll, planar.ring, planar.grid, planar.two_moons, planar.pinwheel, planar.checkerboard])
def test_planar_data_are_seeded_and_centred(data) -> None:  # type: ignore[no-untyped-def]
    points = data(20_000, torch.Generator().manual_seed(0))
    assert torch.equal(points, data(20_000, torch.Generator().manual_seed(0)))
    assert points.shape == (20_000, 2)
    assert points.dtype == torch.float32
    assert float(points.mean(dim=0).abs().max()) < 0.35
    assert 0.3 < float(points.std()) < 3.5


def test_the_ring_has_eight_modes_not_seven() -> None:
    """The published fault: linspace(0, 2π, 8) meets itself at the ends."""
    points = planar.ring(10_000, torch.Generator().manual_seed(0), noise=0.0)
    assert len({tuple(round(v, 3) + 0.0 for v in p) for p in points.tolist()}) == 8


def test_the_swiss_roll_is_the_papers() -> None:
    """Noise-free points lie on r = θ/7.5 for θ in [1.5π, 4.5π], uniformly in θ; noise has the standard deviation noise/7.5."""
    points = planar.swiss_roll(50_000, torch.Generator().manual_seed(0), noise=0.0)
    radius = points.norm(dim=1) * 7.5
    torch.testing.assert_close(radius.cos() * radius / 7.5, points[:, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(radius.sin() * radius / 7.5, points[:, 1], atol=1e-4, rtol=0)
    assert float(radius.mean()) == pytest.approx(3 * torch.pi, rel=0.01)
    noisy = planar.swiss_roll(50_000, torch.Generator().manual_seed(0), noise=0.25)
    assert float((noisy - points).std()) == pytest.approx(0.25 / 7.5, rel=0.01)
