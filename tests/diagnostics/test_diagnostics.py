"""Each diagnostic measures what it claims, at the cost it claims, and leaves no footprints; planted faults are caught."""

import functools
import itertools
import math
import shutil
from collections.abc import Callable
from pathlib import Path as File
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import arena
from arena import Arena, ArenaError, configure, plots
from arena.diagnostics import Cost, Diagnostic, Distance, DualityGap, MeasurementFailed, Path, Position, Rotation, Spectrum
from arena.diagnostics.active import Diagnostics
from arena.diagnostics.path import between
from arena.diagnostics.spectrum import jacobian
from arena.errors import BadSetting, UnknownName
from arena.games import Bilinear, Quadratic
from arena.optimizers import sgd
from arena.registry import entries
from arena.registry.construct import construct_all
from arena.trace import read_trace
from arena.trace.checkpoint import Checkpoints
from tests.conftest import QUIET
from tests.rules.test_rules import BOTH, position, quadratic, random_jacobian
from tests.runs.test_run import assert_same
from tests.trace.test_trace import events

SMALL = {"batch": 16, "generator.hidden": (6, 6), "discriminator.hidden": (6,), "discriminator.activation": "tanh", "dtype": "float64"}


def ring(**settings: Any) -> Arena:
    """A small GAN after a few turns."""
    kept = {name: value for name, value in SMALL.items() if name.partition(".")[0] not in settings}
    made = configure("ring", {**kept, "generator.activation": "tanh", **settings}).build()
    for _ in range(6):
        made.play_scheduled_turn(measure=True)
    return made


def plane(matrix: tuple[tuple[float, ...], ...], z: tuple[float, ...], split: int = 1) -> Arena:
    """A quadratic game at a position z."""
    made = quadratic(torch.tensor(matrix, dtype=torch.float64), arena.rules.Simultaneous(), (0.1, 0.1), split=split)
    put(made, z)
    return made


def put(made: Arena, z: Any) -> None:
    with torch.no_grad():
        nn.utils.vector_to_parameters(torch.as_tensor(z, dtype=torch.float64), made.game.parameters())


class Row(NamedTuple):
    """How a diagnostic is tried: on which game, and by which names its numbers go."""

    make: Callable[[], Diagnostic]
    game: Callable[[], Arena]
    names: set[str]


SPECTRUM = {"spectral_radius", "smallest_real", "largest_imaginary", "rotating_share"}
TABLE = {
    "distance": Row(Distance, lambda: quadratic(random_jacobian(0), arena.rules.Simultaneous(), (0.1, 0.1)), {"total", "x", "y"}),
    "duality-gap": Row(lambda: DualityGap(steps=5), ring, {"gap", "generator", "discriminator"}),
    "path": Row(lambda: Path(points=9), ring, {"length", "angle_old", "angle_new", "norm_old", "norm_new", "largest_change"}),
    "position": Row(
        Position,
        lambda: quadratic(random_jacobian(0), arena.rules.Simultaneous(), (0.1, 0.1)),
        {"x.value.0", "x.value.1", "y.value.0", "y.value.1", "y.value.2"},
    ),
    "rotation": Row(Rotation, ring, {"share", "antisymmetric", "symmetric"}),
    "spectrum": Row(Spectrum, ring, SPECTRUM),
    "spectrum by Arnoldi": Row(lambda: Spectrum(mode="arnoldi", top=3), ring, SPECTRUM),
}


def test_no_diagnostic_is_untried() -> None:
    """A new diagnostic file arrives with a row above, or this fails."""
    assert {type(row.make()) for row in TABLE.values()} == {entry.target for entry in entries("diagnostic").values()}


def footprints(made: Arena) -> dict[str, Any]:
    """Everything that looking must leave as it was."""
    return {
        "arena": made.state_dict(),
        "buffers": dict(made.game.named_buffers()),
        "gradients": {name: p.grad for name, p in made.game.named_parameters()},
        "wants gradients": {name: p.requires_grad for name, p in made.game.named_parameters()},
        "training": [module.training for module in made.game.modules()],
        "batch": made.batch,
        "global stream": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].tobytes(),  # type: ignore[union-attr]
        "first": made.field.first,
    }


def assert_no_footprints(diagnostic: Diagnostic, made: Arena) -> None:
    before = copy_of(footprints(made))
    diagnostic.measure(made)
    diagnostic.figure(made)
    assert_same(copy_of(footprints(made)), before)


def copy_of(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return type(value)({name: copy_of(inside) for name, inside in value.items()})
    if isinstance(value, (list, tuple)):
        return type(value)(copy_of(inside) for inside in value)
    return value


@pytest.mark.parametrize("name", TABLE)
def test_looking_leaves_no_footprints(name: str) -> None:
    row = TABLE[name]
    made, diagnostic = row.game(), row.make()
    for _ in range(2):
        assert_no_footprints(diagnostic, made)
        made.play_turn(BOTH)


def test_looking_leaves_no_footprints_in_normalisation_and_dropout() -> None:
    made = ring(discriminator=nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 1)))
    for row in ("rotation", "spectrum", "duality-gap"):
        diagnostic = TABLE[row].make()
        assert_no_footprints(diagnostic, made)
        assert diagnostic.measure(made) == diagnostic.measure(made), "the same masks each time"


class Draws(Diagnostic):
    """The fault: a batch from the run's own stream."""

    def measure(self, arena: Arena) -> dict[str, float]:
        torch.randn((), generator=arena.rng)
        return {}


class Displaces(Diagnostic):
    """The fault: a look-ahead that is not taken back."""

    def measure(self, arena: Arena) -> dict[str, float]:
        for p in arena.game.parameters():
            p.data.add_(1e-3)
        return {}


class Counts(Diagnostic):
    """The fault: the run pays for it."""

    def measure(self, arena: Arena) -> dict[str, float]:
        arena.field.jvp(arena.field.gradients())
        return {}


class Normalises(Diagnostic):
    """The fault: the optimizer forgets its moments."""

    def measure(self, arena: Arena) -> dict[str, float]:
        arena.optimizers["generator"].state.clear()
        return {}


@pytest.mark.parametrize("faulty", [Draws, Displaces, Counts, Normalises])
def test_a_planted_footprint_is_caught(faulty: type[Diagnostic]) -> None:
    with pytest.raises(AssertionError):
        assert_no_footprints(faulty(), ring())


@pytest.mark.parametrize("name", TABLE)
def test_a_diagnostic_costs_what_it_says(name: str) -> None:
    row = TABLE[name]
    made, diagnostic = row.game(), row.make()
    for _ in range(3):
        declared, before = diagnostic.cost(made.game), diagnostic.spent
        diagnostic.measure(made)
        spent = [after - earlier for after, earlier in zip(diagnostic.spent[:2], before[:2], strict=True)]
        if declared.at_most:
            assert spent[0] == declared.gradient_evaluations
            assert 0 < spent[1] <= declared.products
        else:
            assert Cost(*spent) == declared
        made.play_turn(BOTH)
    assert "Cost: " in (type(diagnostic).__doc__ or "")


@pytest.mark.parametrize("name", TABLE)
def test_its_numbers_have_their_names_and_are_repeatable(name: str) -> None:
    row = TABLE[name]
    made, first, second = row.game(), row.make(), row.make()
    for diagnostic in (first, second):
        diagnostic.measure(made)
    made.play_turn(BOTH)
    found = first.measure(made)
    assert set(found) == row.names
    assert all(isinstance(value, float) and math.isfinite(value) for value in found.values())
    assert second.measure(made) == found


# Closed forms -------------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("game", "word", "message"),
    [
        ("ring", "distance", "distance needs a known solution, but Ring states none; leave it out, or give Ring a solution()"),
        ("ring", "position", "position writes down at most 8 numbers, but the players of Ring have 34,179; leave it out, or use path,"),
        ("ring", "spectrum(mode=dense)", "at most 200 parameters, but the players of Ring have 34,179; write spectrum(mode=arnoldi), or"),
        ("bilinear", "spectrum(mode=arnoldi)", "spectrum.top is 6, but must be left to mode=dense in a game of 2 parameters"),
    ],
)
def test_a_game_that_does_not_suit_is_told_before_there_is_a_folder(game: str, word: str, message: str, tmp_path: File) -> None:
    with pytest.raises(ArenaError) as caught:
        arena.play(game, out=tmp_path / "run", display=False, **{"diagnostics.names": [word]})
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("word", "error", "message"),
    [
        ("spectrun", UnknownName, "unknown diagnostic 'spectrun': did you mean 'spectrum'?"),
        ("spectrum(topp=3)", UnknownName, "unknown argument of spectrum 'topp': did you mean 'top'?"),
        ("spectrum(mode=arnoldy)", ArenaError, "spectrum.mode is 'arnoldy': did you mean 'arnoldi'?"),
        ("spectrum(top=many)", ArenaError, "spectrum.top is 'many', but must be a whole number, such as 6"),
        ("spectrum(top=0)", BadSetting, "diagnostics.spectrum.top is 0, but must be a whole number of at least 1"),
        ("duality-gap(lr=0)", BadSetting, "diagnostics.duality-gap.lr is 0.0, but must be a finite number above 0"),
        ("path(points=40)", BadSetting, "diagnostics.path.points is 40, but must be one more than a multiple of 4, such as 41"),
        ("spectrum(top=3", ArenaError, "the brackets of 'spectrum(top=3' do not match"),
        ("rotation,rotation", ArenaError, "the diagnostic 'rotation' is named twice. Fix: leave one out"),
    ],
)
def test_a_mistaken_word_is_told_in_one_sentence(word: str, error: type[ArenaError], message: str) -> None:
    with pytest.raises(error) as caught:
        configure("bilinear", {}, ["--diagnostics.names", word])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_words_mean_the_same_on_the_command_line_and_in_a_file() -> None:
    words = ["spectrum(mode=arnoldi,top=8)", "rotation"]
    typed = configure("ring", {}, ["--diagnostics.names", ",".join(words)])
    assert typed.group("diagnostics").names == tuple(words)
    assert typed.dump() == configure("ring", {"diagnostics": {"names": words}}).dump()
    made = construct_all("diagnostic", words[:1])["spectrum"]
    assert isinstance(made, Spectrum)
    assert (made.mode, made.top) == ("arnoldi", 8)


def test_a_diagnostic_of_ones_own_is_named_by_its_file(tmp_path: File) -> None:
    (tmp_path / "mine.py").write_text(
        "from arena.diagnostics import Cost, Diagnostic\n\n\nclass Mine(Diagnostic):\n"
        "    def __init__(self, scale: float = 1.0):\n        self.scale = scale\n\n"
        "    def measure(self, arena):\n        return {'turn': self.scale * arena.turns_played}\n\n"
        "    def cost(self, game):\n        return Cost()\n"
    )
    settings = {**QUIET, "turns": 10, "diagnostics.names": [f"{tmp_path}/mine.py:Mine(scale=2)"]}
    arena.play("bilinear", out=tmp_path / "run", display=False, **settings)
    assert [row for row in read_trace(tmp_path / "run") if row["kind"] == "turn"][-1]["diagnostics.Mine.turn"] == 20.0


# In a run -----------------------------------------------------------------------------------------------------------------------

RUN = {
    **SMALL,
    "turns": 60,
    "trace.every": 10,
    "score.every": 20,
    "picture.every": 30,
    "checkpoint.every": 30,
    "diagnostics.names": ("spectrum(top=3)", "rotation", "path(points=9)", "duality-gap(steps=3)"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> File:
    folder = tmp_path_factory.mktemp("diagnosed") / "run"
    return arena.play("ring", out=folder, display=False, **RUN).folder


def looked_at(row: dict[str, Any]) -> set[str]:
    return {name.split(".")[1] for name in row if name.startswith("diagnostics.") and name.count(".") == 2}


def test_the_trace_holds_them_when_they_are_due(run: File) -> None:
    rows = {row["turn"]: row for row in read_trace(run) if row["kind"] == "turn"}
    every = {"spectrum", "rotation", "path", "duality-gap"}
    assert {turn: looked_at(row) for turn, row in rows.items() if looked_at(row)} == {
        0: every - {"path"},
        **dict.fromkeys((20, 30, 40, 60), every),  # with each score, and with each picture
    }
    costs = [(row["diagnostics.gradient_evaluations"], row["diagnostics.products"]) for row in rows.values() if looked_at(row)]
    assert costs[0][0] == 2 + 6
    assert costs[-1][0] == 5 * (2 + 6) + 4 * 18
    assert all(a < b for (_, a), (_, b) in itertools.pairwise(costs))


def test_diagnostics_change_nothing_else_in_the_trace(run: File, tmp_path: File) -> None:
    without = arena.play("ring", out=tmp_path / "run", display=False, **{**RUN, "diagnostics.names": ()})
    plain = read_trace(without.folder)
    looked = [{name: v for name, v in row.items() if not name.startswith("diagnostics.")} for row in read_trace(run)]
    assert looked == plain
    assert "diagnostics" not in " ".join(" ".join(row) for row in plain)


def test_figures_lie_beside_the_pictures_and_in_tensorboard(run: File) -> None:
    names = {path.name for path in (run / "pictures").iterdir()}
    assert {f"spectrum-turn-{turn:08d}.png" for turn in (0, 30, 60)} <= names
    assert {f"path-turn-{turn:08d}.png" for turn in (30, 60)} <= names
    board = events(run)
    assert [image.step for image in board.Images("diagnostics/spectrum")] == [0, 30, 60]
    assert [scalar.step for scalar in board.Scalars("diagnostics/rotation/share")] == [0, 20, 30, 40, 60]


@pytest.mark.parametrize("kept", [30, 0, None], ids=["in the middle", "at the beginning", "before the first checkpoint"])
def test_a_killed_run_ends_byte_for_byte_the_same(run: File, tmp_path: File, kept: int | None) -> None:
    """Everything that a kill would lose is taken away: the later checkpoints, and the end of the trace."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    for file in (folder / "checkpoints").iterdir():
        if kept is None or int(file.name.split("-")[1][:8]) > kept:
            file.unlink()
    lines = (folder / "trace.jsonl").read_text().splitlines(keepends=True)
    (folder / "trace.jsonl").write_text("".join(lines[:-1]) + lines[-1][:20])
    assert arena.resume(folder, display=False).status == "finished"
    assert (folder / "trace.jsonl").read_bytes() == (run / "trace.jsonl").read_bytes()
    last = Checkpoints(folder / "checkpoints").paths()[-1].name
    assert_same(*(torch.load(where / "checkpoints" / last, weights_only=True) for where in (folder, run)))
    assert [scalar.step for scalar in events(folder).Scalars("diagnostics/rotation/share")] == [0, 20, 30, 40, 60]


def test_a_solved_run_is_looked_at_where_it_ended(tmp_path: File) -> None:
    settings = {**QUIET, "turns": 500, "score.every": 10, "diagnostics.names": ["distance"], "diagnostics.every": 400}
    result = arena.play("quadratic", out=tmp_path / "run", display=False, **settings)
    assert result.status == "solved"
    rows = read_trace(tmp_path / "run")
    assert rows[-2]["turn"] == result.turns < 400
    assert rows[-2]["diagnostics.distance.total"] <= 1e-6


def test_the_path_between_two_checkpoints_on_the_disk(run: File) -> None:
    old, new = Checkpoints(run / "checkpoints").paths()[-2:]
    curve = between(configure("ring", SMALL).build(), old, new, points=5)
    assert np.isfinite(curve.angles).all()
    assert curve.length > 0
    assert len(curve.norms) == 5


def test_nothing_is_asked_for_by_default() -> None:
    assert not Diagnostics(configure("ring").group("diagnostics").names)


def test_the_coupling_in_force_is_looked_at() -> None:
    """Before the first turn it is the schedule's; at λ = 0 the players of xy feel nothing."""
    assert Rotation().measure(configure("bilinear").build())["share"] == 1.0
    silent = configure("bilinear", {"coupling": 0.0}).build()
    assert math.isnan(Rotation().measure(silent)["share"])
    weaker = Arena(
        functools.partial(Quadratic, matrix=((0.5, 1.0), (-1.0, 0.5))), optimizers=dict.fromkeys("xy", functools.partial(sgd, lr=0.1))
    )
    weaker.play_turn((1.0, 1.0, 0.5))
    assert Rotation().measure(weaker)["antisymmetric"] == pytest.approx(0.5, abs=1e-6)
