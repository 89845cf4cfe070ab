"""Each diagnostic measures what it claims: closed forms, and iterations against dense matrices."""

import functools
import itertools
import math
from pathlib import Path as File
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import arena
from arena import Arena, plots
from arena.diagnostics import Cost, Diagnostic, Distance, DualityGap, MeasurementFailed, Path, Position, Rotation, Spectrum
from arena.diagnostics.active import Diagnostics
from arena.diagnostics.spectrum import jacobian
from arena.games import Bilinear, Quadratic
from arena.trace import read_trace
from tests.conftest import QUIET
from tests.support.diagnosed_games import SMALL, SPECTRUM, plane, put, ring
from tests.support.quadratic_games import BOTH, position, quadratic, random_jacobian


def same_spectrum(first: np.ndarray, second: np.ndarray, tolerance: float) -> bool:
    """The same eigenvalues in whatever order."""
    left = list(second)
    for value in first:
        nearest = int(np.argmin([abs(value - other) for other in left]))
        if abs(value - left.pop(nearest)) > tolerance:
            return False
    return True


@pytest.mark.parametrize("seed", range(5))
def test_the_dense_spectrum_is_that_of_the_matrix(seed: int) -> None:
    j = random_jacobian(seed, 3, 4)
    made, spectrum = quadratic(j, arena.rules.Simultaneous(), (0.1, 0.1), split=3), Spectrum()
    found = spectrum.measure(made)
    exact = np.linalg.eigvals(j.numpy())
    assert spectrum.eigenvalues is not None
    assert same_spectrum(exact, spectrum.eigenvalues, 1e-10)
    assert found["spectral_radius"] == pytest.approx(np.abs(exact).max(), abs=1e-10)
    assert found["smallest_real"] == pytest.approx(exact.real.min(), abs=1e-10)
    assert found["largest_imaginary"] == pytest.approx(np.abs(exact.imag).max(), abs=1e-10)
    assert found["rotating_share"] == np.mean(np.abs(exact.imag) > np.abs(exact.real))


def test_the_jacobian_is_in_the_order_of_the_parameters() -> None:
    j = random_jacobian(0)
    made = quadratic(j, arena.rules.Simultaneous(), (0.1, 0.1))
    with Rotation().looking(made) as field:
        assert np.abs(jacobian(field) - j.numpy()).max() < 1e-12


def test_arnoldi_finds_the_ends_of_the_dense_spectrum_of_a_gan() -> None:
    made = ring()
    dense, arnoldi = Spectrum(mode="dense"), Spectrum(mode="arnoldi", top=4)
    exact, found = dense.measure(made), arnoldi.measure(made)
    for name in SPECTRUM - {"rotating_share"}:
        assert found[name] == pytest.approx(exact[name], rel=1e-6, abs=1e-8)
    assert dense.eigenvalues is not None
    assert arnoldi.eigenvalues is not None
    for value in arnoldi.eigenvalues:
        assert np.abs(dense.eigenvalues - value).min() < 1e-6
    four = np.sort(np.abs(dense.eigenvalues))[-4:]
    assert np.sort(np.abs(arnoldi.eigenvalues))[-4:] == pytest.approx(four, rel=1e-6)


def test_an_iteration_that_does_not_converge_says_so_and_the_run_goes_on(tmp_path: File) -> None:
    made = ring()
    with pytest.raises(
        MeasurementFailed, match=r"^spectrum: the Arnoldi iteration found \d of the 6 eigenvalues of largest modulus .*; raise restarts"
    ):
        Spectrum(mode="arnoldi", restarts=1, top=6, basis=8).measure(made)
    names = ("spectrum(mode=arnoldi,restarts=1,basis=8)",)
    settings = {**SMALL, **QUIET, "turns": 4, "trace.every": 2, "score.every": 2, "diagnostics.names": names}
    result = arena.play("ring", out=tmp_path / "run", display=False, **settings)
    assert result.status == "finished"
    assert read_trace(tmp_path / "run")[1]["diagnostics.spectrum.failure"].startswith("spectrum: the Arnoldi iteration found ")


class Fails(Diagnostic):
    """Measures once and fails from then on; its figure would be that of its only measurement."""

    measured = 0

    def measure(self, arena: Arena) -> dict[str, float]:
        self.measured += 1
        if self.measured > 1:
            raise MeasurementFailed("no more")
        return {}

    def cost(self, game: Any) -> Cost:
        return Cost()

    def figure(self, arena: Any) -> Any:
        return plots.figure(1, 1)[0]


def test_a_failed_measurement_is_never_drawn_as_an_earlier_one() -> None:
    made, chosen = ring(), Diagnostics([])
    chosen.members = {"fails": Fails()}
    drawn = []
    for _ in range(2):
        chosen.measure(made)
        drawn.append([name for name, _ in chosen.figures(made)])
        made.play_turn(BOTH)
        assert not [*chosen.figures(made)], "that of another turn"
    assert drawn == [["fails"], []]


def test_the_picture_of_an_iteration_that_does_not_converge_shows_what_has_and_names_what_has_not() -> None:
    made, spectrum = ring(), Spectrum(mode="arnoldi", top=4)
    whole = spectrum.measure(made)
    before = spectrum.eigenvalues
    spectrum.restarts, spectrum.basis = 1, 7
    made.play_turn(BOTH)
    with pytest.raises(MeasurementFailed, match=r"found \d of the 4 eigenvalues of ") as caught:
        spectrum.measure(made)
    assert caught.value.numbers is not None and set(caught.value.numbers) < set(whole)
    assert spectrum.eigenvalues is not None and before is not None
    assert len(spectrum.eigenvalues) < len(before)
    figure = spectrum.figure(made)
    assert figure is not None
    title = figure.axes[0].get_title()
    assert title.startswith(f"{len(spectrum.eigenvalues)} eigenvalues") and "not found: " in title and " of 4 converged)" in title


def test_eigenvalues_near_0_converge_although_a_tolerance_relative_to_them_cannot() -> None:
    """Half of the eigenvalues are 0, which products in float32 reach only to the accuracy of the largest one."""
    size = 60
    diagonal = np.where(np.arange(size) < size // 2, np.linspace(1, 100, size), 0.0)
    made = Arena(lambda: Quadratic(matrix=np.diag(diagonal).tolist()))
    found = Spectrum(mode="arnoldi", top=4, restarts=50, basis=20).measure(made)
    assert found["spectral_radius"] == pytest.approx(diagonal.max(), rel=1e-4)
    assert abs(found["smallest_real"]) < 1e-2 * diagonal.max()
    assert found["largest_imaginary"] < 1e-2 * diagonal.max()


def test_rotation_is_1_on_a_bilinear_game_and_0_on_a_symmetric_jacobian() -> None:
    assert Rotation().measure(Arena(functools.partial(Bilinear, dim=3)))["share"] == pytest.approx(1, abs=1e-6)
    symmetric = plane(((2.0, 0.5), (0.5, 1.0)), (1.0, -3.0))
    assert Rotation().measure(symmetric)["share"] == pytest.approx(0, abs=1e-12)
    mixed = plane(((0.5, 1.0), (-1.0, 0.5)), (2.0, 1.0))  # A turns by 1 and S stretches by ½, whatever v is
    found = Rotation().measure(mixed)
    assert found == pytest.approx({"share": 0.8, "antisymmetric": 1.0, "symmetric": 0.5}, abs=1e-12)
    assert math.isnan(Rotation().measure(plane(((0.5, 1.0), (-1.0, 0.5)), (0.0, 0.0)))["share"])


@pytest.mark.parametrize("seed", range(3))
def test_the_path_is_what_the_linear_field_gives(seed: int) -> None:
    j = random_jacobian(seed)
    made, path = quadratic(j, arena.rules.Simultaneous(), (0.1, 0.1)), Path(points=9)
    old = position(made)
    path.measure(made)
    made.play_turn(BOTH)
    new = position(made)
    found, line = path.measure(made), new - old
    angles, norms = [], []
    for alpha in (-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5):
        v = j @ (old + alpha * line)
        angles.append(float(line @ v / (line.norm() * v.norm())))
        norms.append(float(v.norm()))
    assert path._curve is not None
    assert path._curve.angles == pytest.approx(angles, abs=1e-12)
    assert path._curve.norms == pytest.approx(norms, abs=1e-12)
    wanted = {"angle_old": angles[2], "angle_new": angles[6], "norm_old": norms[2], "norm_new": norms[6]}
    wanted |= {"length": float(line.norm()), "largest_change": max(abs(a - b) for a, b in itertools.pairwise(angles))}
    assert found == pytest.approx(wanted, abs=1e-12)


def test_the_path_by_hand() -> None:
    """From (1, 1) to the answer of v = z: straight on before it, straight back after it. On xy the field is at right angles."""
    for matrix, angle in ((((1.0, 0.0), (0.0, 1.0)), -1.0), (((0.0, 1.0), (-1.0, 0.0)), 0.0)):
        made, path = plane(matrix, (1.0, 1.0)), Path(points=5)
        path.measure(made)
        put(made, (0.0, 0.0))
        found = path.measure(made)
        assert found["angle_old"] == pytest.approx(angle, abs=1e-12)
        assert math.isnan(found["angle_new"])
        assert found["norm_old"] == pytest.approx(math.sqrt(2))
        assert path._curve is not None
        assert path._curve.angles[-1] == pytest.approx(-angle, abs=1e-12)
    assert path.measure(made)["length"] == 0.0


def best(a: Tensor, b: Tensor) -> float:
    """½ xᵀAx + xᵀb at x, minus its minimum: how far a quadratic player can fall."""
    return float(b @ torch.linalg.solve(a, b)) / 2


@pytest.mark.parametrize("seed", range(2))
def test_the_duality_gap_is_its_closed_form_and_never_falls_with_k(seed: int) -> None:
    j = random_jacobian(seed)
    for block in (slice(0, 2), slice(2, None)):
        j[block, block] = j[block, block] @ j[block, block].T + torch.eye(len(j[block, block]), dtype=torch.float64)
    j = torch.where(torch.eye(5, dtype=torch.bool), j, (j * 1e6).round() / 1e6)
    for block in (slice(0, 2), slice(2, None)):
        j[block, block] = (j[block, block] + j[block, block].T) / 2
    made = quadratic(j, arena.rules.Simultaneous(), (0.1, 0.1))
    z = position(made)
    v = j @ z  # a player's gradient at z; its loss falls by ½ vᵀ A⁻¹ v to its minimum
    gains = {"x": best(j[:2, :2], v[:2]), "y": best(j[2:, 2:], v[2:])}
    found = [DualityGap(steps=k, lr=0.02).measure(made) for k in (1, 10, 100, 1500)]
    gaps = [each["gap"] for each in found]
    assert 0 <= gaps[0] < gaps[1] < gaps[2] <= gaps[3] <= sum(gains.values()) + 1e-12
    assert found[-1] == pytest.approx({"gap": sum(gains.values()), **gains}, abs=1e-6)
    put(made, torch.zeros(5))
    assert DualityGap(steps=20).measure(made)["gap"] == 0.0


def test_the_duality_gap_keeps_to_a_projection() -> None:
    class Clipped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value = nn.Parameter(torch.tensor([0.5]))

        def forward(self) -> Tensor:
            return self.value

        def project_(self) -> None:
            self.value.clamp_(-1, 1)

    made = Arena(lambda: Bilinear(x=Clipped, y=Clipped))  # f = xy on the square: max − min = |x| + |y|
    found = DualityGap(steps=200, lr=0.05).measure(made)
    assert found == pytest.approx({"gap": 1.0, "x": 0.75, "y": 0.25}, abs=1e-5)


def test_distance_and_position_are_the_numbers_themselves() -> None:
    made = plane(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)), (3.0, 4.0, 12.0), split=2)
    assert Distance().measure(made) == {"total": 13.0, "x": 5.0, "y": 12.0}
    assert Position().measure(made) == {"x.value.0": 3.0, "x.value.1": 4.0, "y.value": 12.0}


# What is refused ----------------------------------------------------------------------------------------------------------------
