"""A run that is made longer: the same bits as one played in one go, one whole trace, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import arena
from arena.errors import ArenaError, CheckpointUnusable
from arena.trace import read_trace
from tests.conftest import QUIET, Cli

SETTINGS: dict[str, Any] = {**QUIET, "batch": 8, "generator.hidden": (8,), "discriminator.hidden": (8,), "until_solved": False}
SETTINGS |= {"generator.schedule": "constant", "discriminator.schedule": "constant"}
SETTINGS |= {"rule": "extragradient", "trace.every": 7, "score.every": 20, "checkpoint.every": 10}


def play(folder: Path, turns: int, **settings: Any) -> Path:
    return arena.play("ring", out=folder, display=False, turns=turns, **{**SETTINGS, **settings}).folder


def players(folder: Path) -> dict[str, Any]:
    state = torch.load(sorted((folder / "checkpoints").glob("turn-*.pt"))[-1], weights_only=True)
    return {
        "turn": state["turn"],
        **{name: t.tolist() for name, t in state["arena"]["game"].items()},
        "opt": str(state["arena"]["optimizers"]),
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return play(tmp_path / "run", 40)


def test_a_longer_run_has_the_bits_of_one_played_in_one_go(run: Path, tmp_path: Path) -> None:
    """Parameters and the states of the optimizers; the trace is whole, with one end, and the configuration has the new budget."""
    result = arena.resume(run, turns=70, display=False)
    assert (result.status, result.turns) == ("finished", 70)
    once = play(tmp_path / "once", 70)
    assert players(run) == players(once)
    rows, usual = read_trace(run), read_trace(once)
    assert [row["turn"] for row in rows if row["kind"] == "end"] == [70]
    assert {row["turn"] for row in rows} == {row["turn"] for row in usual} | {40}  # the end of the first part was recorded
    assert rows[-1]["score"] == usual[-1]["score"]
    assert (run / "config.yaml").read_text() == (once / "config.yaml").read_text()
    assert arena.resume(run, display=False).turns == 70  # it is over


def test_an_edited_budget_is_a_longer_run(run: Path, quick_cli: Cli) -> None:
    """And what happens to schedules is said in one sentence."""
    file = run / "config.yaml"
    file.write_text(file.read_text().replace("turns: 40", "turns: 50"))
    done = quick_cli("resume", str(run))
    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    assert "the budget is 50 turns instead of 40: schedules run over the new one, from progress 0.8 on instead of 1" in said
    assert json.loads((run / "trace.jsonl").read_text().splitlines()[-1])["turn"] == 50


def test_a_schedule_goes_on_over_the_new_budget(tmp_path: Path) -> None:
    run = play(tmp_path / "run", 20, **{"generator.schedule": "linear(start=1, end=0)"})
    arena.resume(run, turns=40, display=False)
    rates = {row["turn"]: row["generator.learning_rate"] for row in read_trace(run) if row["kind"] == "turn"}
    assert rates[20] == pytest.approx(rates[0] * 0.05)  # progress 19/20 of the first budget, in the latest move
    assert rates[28] == pytest.approx(rates[0] * (1 - 27 / 40))


def test_a_run_under_way_gets_another_budget(run: Path) -> None:
    for file in run.glob("checkpoints/*-00000040.pt*"):
        file.unlink()  # as if it had been killed in turn 35
    trace = run / "trace.jsonl"
    trace.write_text("".join(line for line in trace.read_text().splitlines(keepends=True) if json.loads(line)["turn"] <= 35))
    with pytest.raises(ArenaError, match=r"the budget is 30 turns, but the run has played 30. Expected more than 30"):
        arena.resume(run, turns=30, display=False)
    assert "turns: 40" in (run / "config.yaml").read_text()
    assert arena.resume(run, turns=36, display=False).turns == 36


@pytest.mark.parametrize("turns", ["39", "none", "0"])
def test_a_budget_below_the_turns_played_is_refused(run: Path, turns: str, quick_cli: Cli) -> None:
    before = (run / "trace.jsonl").read_bytes()
    done = quick_cli("resume", str(run), "--turns", turns)
    assert done.returncode == 2
    assert "the run has played 40" in done.stderr or "Expected a whole number of turns" in done.stderr
    assert (run / "trace.jsonl").read_bytes() == before


def test_another_rule_in_the_file_of_a_run_that_is_over_is_noticed(run: Path) -> None:
    file = run / "config.yaml"
    file.write_text(file.read_text().replace("batch: 8", "batch: 16"))
    for turns in (None, 60):
        with pytest.raises(CheckpointUnusable, match=r"has changed since turn-00000040.pt was saved: batch was 8 and is 16"):
            arena.resume(run, turns=turns, display=False)


def test_a_run_that_ended_for_another_reason_is_not_made_longer(tmp_path: Path) -> None:
    run = arena.play("bilinear", turns=300, out=tmp_path / "run", display=False, **{**QUIET, "*.lr": 1e30}).folder
    assert read_trace(run)[-1]["status"] == "diverged"
    with pytest.raises(ArenaError, match=r"diverged at turn .* of 300, so that a budget of 600 turns changes nothing"):
        arena.resume(run, turns=600, display=False)


def test_a_run_without_checkpoints_is_not_played_over(run: Path) -> None:
    for file in run.glob("checkpoints/*"):
        file.unlink()
    with pytest.raises(ArenaError, match="is over and has no checkpoint to go on from"):
        arena.resume(run, turns=60, display=False)
    assert arena.resume(run, display=False).status == "finished"


def test_an_experiment_is_not_made_longer(tmp_path: Path, quick_cli: Cli) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all/comparison.yaml").write_text("")
    done = quick_cli("resume", "all", "--turns", "50")
    assert done.returncode == 2
    assert "all is no single run, which --turns could make longer" in done.stderr
