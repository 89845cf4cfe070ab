"""Diagnostics in a run: when they are due, what they leave in the trace, and that they change nothing else."""

import functools
import itertools
import math
import shutil
from pathlib import Path as File
from typing import Any

import numpy as np
import pytest
import torch

import arena
from arena import Arena, configure
from arena.diagnostics import Rotation
from arena.diagnostics.active import Diagnostics
from arena.diagnostics.path import between
from arena.games import Quadratic
from arena.optimizers import sgd
from arena.trace import read_trace
from arena.trace.checkpoint import Checkpoints
from tests.conftest import QUIET
from tests.runs.test_run import assert_same
from tests.support.cases import first
from tests.support.diagnosed_games import SMALL
from tests.support.rendering import rendering
from tests.trace.test_trace import events

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
    with rendering():
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


@pytest.mark.thorough
def test_figures_lie_beside_the_pictures_and_in_tensorboard(run: File) -> None:
    names = {path.name for path in (run / "pictures").iterdir()}
    assert {f"spectrum-turn-{turn:08d}.png" for turn in (0, 30, 60)} <= names
    assert {f"path-turn-{turn:08d}.png" for turn in (30, 60)} <= names
    board = events(run)
    assert [image.step for image in board.Images("vector_field/spectrum")] == [0, 30, 60]
    assert [scalar.step for scalar in board.Scalars("vector_field/rotation/share")] == [0, 20, 30, 40, 60]


@pytest.mark.parametrize("kept", first(1, [30, 0, None]), ids=["in the middle", "at the beginning", "before the first checkpoint"])
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
    assert [scalar.step for scalar in events(folder).Scalars("vector_field/rotation/share")] == [0, 20, 30, 40, 60]


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
