"""Each diagnostic leaves no footprints and costs what it claims; planted faults are caught."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import arena
from arena import Arena
from arena.diagnostics import Cost, Diagnostic, Distance, DualityGap, Path, Position, Rotation, Spectrum
from arena.registry import entries
from tests.runs.test_run import assert_same
from tests.support.diagnosed_games import SPECTRUM, ring
from tests.support.quadratic_games import BOTH, quadratic, random_jacobian


class Row(NamedTuple):
    """How a diagnostic is tried: on which game, and by which names its numbers go."""

    make: Callable[[], Diagnostic]
    game: Callable[[], Arena]
    names: set[str]


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


@pytest.mark.thorough
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
