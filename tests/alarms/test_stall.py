"""Stall on planted dynamics: it is raised on a plateau and on a circle, and not on a spiral outwards, which `divergence` watches."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arena
from arena.alarms.base import TraceView
from arena.alarms.stall import Stall
from arena.games import Bilinear
from arena.trace import read_trace
from tests.conftest import QUIET
from tests.support.cases import one_of_each


def raised(scores: Sequence[float], alarm: Stall | None = None) -> list[bool]:
    alarm = alarm or Stall()
    found = []
    for n, score in enumerate(scores):
        row = {"progress": n / (len(scores) - 1), "score": float(score)}
        found.append(alarm.look(TraceView(Bilinear(), row, row, {"score": float(scores[0])})) is not None)
    return found


@pytest.mark.parametrize("count", [6, 11, 41, 1001])
@pytest.mark.parametrize("total", [1.05, 1.5, 9.0])
def test_a_spiral_outwards_is_no_stall(count: int, total: float) -> None:
    """‖z‖ grows by one factor a turn, by `total` over the run."""
    assert not any(raised(total ** np.linspace(0, 1, count)))


def test_a_spiral_outwards_whose_score_swings_is_no_stall() -> None:
    time = np.linspace(0, 1, 101)
    assert not any(raised(2.0**time * (1 + 0.2 * np.cos(40 * np.pi * time))))


@pytest.mark.parametrize(("every", "name"), one_of_each([1, 20], ["bilinear", "matching-pennies", "dirac"], pytest.mark.thorough))
def test_simultaneous_descent_is_never_said_to_have_stalled(name: str, every: int, tmp_path: Path) -> None:
    """Players of these games move outwards from the first turn on, on a bilinear game by √(1 + η²) a turn."""
    players = arena.configure(name).roles
    rate = 0.5 if name == "matching-pennies" else 0.1
    rates = {f"{role}.{key}": value for role in players for key, value in (("optimizer", "sgd"), ("lr", rate))}
    settings: dict[str, Any] = {"turns": 400, "score.every": every, "trace.every": every, "until_solved": False, **rates}
    if name == "dirac":
        settings |= {"loss": "wasserstein"}
    if name == "matching-pennies":
        settings |= {f"{role}.start": 0.1 for role in players}
    result = arena.play(name, out=tmp_path / "run", display=False, **{**QUIET, **settings})
    scores = [row["score"] for row in read_trace(tmp_path / "run") if row["kind"] == "turn" and "score" in row]
    assert scores[-1] > 1.5 * scores[0]
    assert "stall" not in result.alarms


@pytest.mark.thorough
def test_a_plateau_and_a_circle_are_stalls() -> None:
    time = np.linspace(0, 1, 201)
    assert raised(np.ones(201))[-1]
    assert raised(0.5 ** time.clip(max=0.2))[-1]  # after a gain
    assert raised(1 + time.clip(max=0.2))[-1]  # after a rise
    assert raised(1 + 0.1 * np.cos(30 * np.pi * time))[-1]
    noisy = [raised([0.7, *(1 + 0.1 * np.random.default_rng(seed).normal(size=40))])[-1] for seed in range(100)]
    assert sum(noisy) >= 95


def test_an_improving_score_is_no_stall() -> None:
    assert not any(raised(0.1 ** np.linspace(0, 1, 41)))


def test_the_scores_are_saved_with_a_run() -> None:
    scores = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7]
    first, second = Stall(), Stall()
    raised(scores[:5], first)
    second.load_state_dict(first.state_dict())
    rows = [{"progress": n / 7, "score": score} for n, score in enumerate(scores[5:], 5)]
    views = [TraceView(Bilinear(), row, row, {"score": 1.0}) for row in rows]
    assert [first.look(view) for view in views] == [second.look(view) for view in views]
    old = Stall()
    old.load_state_dict({"best": [[0.0, 1.0], [0.2, 1.0], [0.4, 1.0]]})  # of a checkpoint without scores
    assert old.look(TraceView(Bilinear(), {"progress": 1.0}, {"score": 1.0}, {"score": 1.0})) is None
