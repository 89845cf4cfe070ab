"""A row of the trace has the scheduled numbers with which its turn was played, and so has an observation."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arena
from arena.config import configure
from arena.engine.vector_env import Population
from arena.trace import read_trace

TURNS = 8
SETTINGS = {
    "turns": TURNS,
    "x.lr": 0.01,
    "y.lr": 0.02,
    "x.schedule": "inverse-decay",
    "y.schedule": "cosine",
    "coupling": "dann-ramp",
    "dtype": "float64",
    "until_solved": False,
    "trace.every": 1,
    "trace.tensorboard": False,
}
RATES: dict[str, Callable[[float], float]] = {
    "x": lambda p: 0.01 * (1 + 10 * p) ** -0.75,
    "y": lambda p: 0.02 * (1 + math.cos(math.pi * p)) / 2,
}


def ramp(p: float) -> float:
    return 2 / (1 + math.exp(-10 * p)) - 1


def played(folder: Path, **settings: Any) -> list[dict[str, Any]]:
    arena.play("bilinear", out=folder, display=False, **{**SETTINGS, **settings})
    return [row for row in read_trace(folder / "trace.jsonl") if row["kind"] == "turn"]


def test_a_row_has_the_rates_and_the_coupling_of_its_turn(tmp_path: Path) -> None:
    for row in played(tmp_path / "run")[1:]:
        p = (row["turn"] - 1) / TURNS
        assert row["coupling"] == pytest.approx(ramp(p), rel=1e-6, abs=1e-9)  # an action is float32
        assert {role: row[f"{role}.learning_rate"] for role in RATES} == pytest.approx({role: rate(p) for role, rate in RATES.items()})


def test_the_row_of_a_player_that_stays_has_the_rate_of_its_latest_move(tmp_path: Path) -> None:
    rows = played(tmp_path / "run", scheduler="alternating")
    latest = {role: rate(0.0) for role, rate in RATES.items()}
    moves = dict.fromkeys(RATES, 0)
    for row in rows[1:]:
        for role, rate in RATES.items():
            if row[f"{role}.moves"] > moves[role]:
                latest[role] = rate((row["turn"] - 1) / TURNS)
            moves[role] = row[f"{role}.moves"]
        assert {role: row[f"{role}.learning_rate"] for role in RATES} == pytest.approx(latest)


def test_a_resumed_run_has_the_same_rows(tmp_path: Path) -> None:
    def rows(folder: Path) -> list[str]:
        return (folder / "trace.jsonl").read_text().splitlines()

    settings = {"scheduler": "alternating", "trace.every": 2, "checkpoint.every": 3}
    played(tmp_path / "whole", **settings)
    played(tmp_path / "run", **settings)
    for file in (tmp_path / "run" / "checkpoints").glob("turn-0000000[68].pt*"):
        file.unlink()
    kept = [line for line in rows(tmp_path / "run") if '"end"' not in line]
    (tmp_path / "run" / "trace.jsonl").write_text("\n".join(kept) + "\n")
    arena.resume(tmp_path / "run", display=False)
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


def test_an_observation_has_the_coupling_of_its_turn() -> None:
    """Of members that ended at different times, too: one that is begun afresh has played no turn, and so no coupling."""
    base = configure("bilinear", {**SETTINGS, "turns": 3})
    population = Population([base, base.vary({"turns": 2})], check_equivalence=False)
    population.reset()
    seen = []
    for coupling in (0.25, 0.5, 0.75, 1.0):
        observation, *_, info = population.step(np.tile(np.float32([1.0, 1.0, coupling]), (2, 1)))
        seen.append((info["turn"].tolist(), info["signals"]["coupling"].tolist()))
        assert observation[:, 0] == pytest.approx(np.log1p(info["signals"]["coupling"]))
    assert seen == [([1, 1], [0.25, 0.25]), ([2, 2], [0.5, 0.5]), ([3, 0], [0.75, 0.0]), ([0, 1], [0.0, 1.0])]


def test_members_that_have_ended_keep_the_coupling_of_their_last_turn() -> None:
    base = configure("bilinear", SETTINGS)
    population = Population([base, base.vary({"turns": 2})], check_equivalence=False)
    for turn in range(4):
        population.episode.over |= turn >= population.budgets
        population.play_scheduled_turn()
    couplings = population.read_signals()["coupling"]
    assert couplings.tolist() == pytest.approx([ramp(3 / TURNS), ramp(1 / 2)], rel=1e-6)
    other = Population([base, base.vary({"turns": 2})], check_equivalence=False)
    other.load_state_dict(population.state_dict())
    assert other.read_signals()["coupling"].tolist() == couplings.tolist()
