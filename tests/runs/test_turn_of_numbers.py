"""Every number of a result carries its turn, and after a divergence there is no score."""

from pathlib import Path
from typing import Any

import pytest
import torch

import arena
from arena.games import SwissRoll
from arena.runs.result import Result
from arena.trace import read_trace
from tests.conftest import QUIET, Cli

SMALL: dict[str, Any] = {"batch": 8, "generator.hidden": (4,), "discriminator.hidden": (4,), **QUIET}


class Breaks(torch.nn.Linear):
    """A discriminator that returns numbers that are not finite from its tenth batch of eight on."""

    seen = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += x.shape[0] == 8
        return super().forward(x) * (float("nan") if self.seen > 9 else 1.0)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Result:
    settings = {"turns": 100, "scheduler": "simultaneous", "score.every": 100, "trace.every": 50, **QUIET}
    return arena.play(SwissRoll(discriminator=Breaks(2, 1), batch=8), out=tmp_path_factory.mktemp("b") / "run", display=False, **settings)


def test_a_diverged_run_has_no_score_and_its_best_has_a_turn(broken: Result) -> None:
    assert broken.status == "diverged"
    assert broken.score is None and broken.best is not None
    assert broken.turn_of == {"best": 0}
    end = read_trace(broken.folder)[-1]
    assert (end["score"], end["best_turn"]) == (None, 0) and "score_turn" not in end
    again = arena.resume(broken.folder, display=False)
    assert (again.score, again.turn_of) == (None, {"best": 0})


def test_the_turns_before_a_divergence_are_in_the_trace(broken: Result) -> None:
    rows = [row for row in read_trace(broken.folder) if row["kind"] == "turn"]
    assert len(rows) > 3
    assert [row["turn"] for row in rows] == [0, *range(1, len(rows) - 1), 50]
    assert all(row["generator.loss"] is not None and row["discriminator.loss"] is not None for row in rows[1:-1])
    assert rows[-1]["generator.loss"] is None


def test_the_score_of_a_diverged_run_is_not_drawn_after_the_divergence(broken: Result) -> None:
    from arena.plots import traces

    rows = [row for row in read_trace(broken.folder) if row["kind"] == "turn"]
    (score,) = (axis for axis in traces(rows, ("generator", "discriminator")).axes if axis.get_title().startswith("score"))
    assert [list(line.get_xdata()) for line in score.lines] == [[0]]


def test_numbers_that_are_older_than_the_end_name_their_turns(tmp_path: Path) -> None:
    settings = {**SMALL, "turns": 30, "score.every": 10, "metrics.every": 20, "picture.every": 0}
    result = arena.play("ring", out=tmp_path / "run", display=False, **settings)
    assert result.turn_of["score"] == result.turn_of["metrics"] == 30
    assert result.when("score") == "" and result.turn_of["best"] in (0, 10, 20, 30)
    older = Result(
        tmp_path, "interrupted", 1597, 0.5, 0.4, None, None, None, {"a": 1.0}, turn_of={"score": 1500, "best": 500, "metrics": 0}
    )
    assert [older.when(name) for name in ("score", "best", "metrics")] == [" in turn 1,500", " in turn 500", " in turn 0"]


def test_the_terminal_and_the_picture_name_the_turn_of_an_older_score(tmp_path: Path, quick_cli: Cli) -> None:
    words = [f"--{n}={v}" for n, v in {"turns": 30, "score.every": 0, "metrics.every": 0, "trace.every": 10, "batch": 8}.items()]
    done = quick_cli("play", "ring", "--generator.optimizer=sgd", "--generator.lr=1e30", "--out=run", *words)
    assert "none at the end; best " in done.stdout and " in turn 0" in done.stdout, done.stdout


def test_a_row_has_the_mean_and_the_quantiles_of_the_losses_since_the_row_before(tmp_path: Path) -> None:
    settings = {**QUIET, "turns": 20, "score.every": 0}
    every = arena.play("bilinear", out=tmp_path / "every", display=False, **settings, **{"trace.every": 1})
    tenth = arena.play("bilinear", out=tmp_path / "tenth", display=False, **settings, **{"trace.every": 10})
    losses = {row["turn"]: row["x.loss"] for row in read_trace(every.folder) if "x.loss" in row}
    for row in read_trace(tenth.folder):
        if "x.loss" in row:
            window = sorted(losses[turn] for turn in range(row["turn"] - 9, row["turn"] + 1) if turn in losses)
            assert row["x.loss_mean"] == pytest.approx(sum(window) / len(window))
            low, high = (window[round(q * (len(window) - 1))] for q in (0.1, 0.9))
            assert (row["x.loss_low"], row["x.loss_high"]) == (low, high)
    assert not any("x.loss_mean" in row for row in read_trace(every.folder))
