"""Alarms: each rings in a run in which the fault was planted, and keeps quiet in a healthy one."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arena
from arena.alarms.active import Alarms
from arena.alarms.base import TraceView
from arena.alarms.rotation import period
from arena.errors import ArenaError, BadSetting, UnknownName
from arena.games import Bilinear, SwissRoll
from arena.registry import entries
from arena.registry.construct import construct_all
from arena.trace import read_trace
from tests.conftest import QUIET, Cli
from tests.support.cases import first

SMALL = {"generator.hidden": (16, 16), "discriminator.hidden": (16, 16), "batch": 64, "metrics.every": 0}
OFTEN = {"trace.every": 20, "score.every": 100}

PLANTED: dict[str, tuple[str, dict[str, Any]]] = {
    "divergence": ("bilinear", {"turns": 400, "x.lr": 0.5, "y.lr": 0.5, "scheduler": "simultaneous", "score.every": 1, "trace.every": 5}),
    "collapse": ("ring", {**SMALL, **OFTEN, "turns": 800, "generator.lr": 0.05}),
    "dominance": ("swiss-roll", {**SMALL, **OFTEN, "turns": 2000, "scheduler.ratio": 10, "generator.lr": 1e-5, "loss": "non-saturating"}),
    "vanishing-gradient": (
        "two-modes",
        {**SMALL, **OFTEN, "turns": 1500, "scheduler.ratio": 10, "generator.lr": 1e-7, "discriminator.lr": 1e-2, "loss": "saturating"},
    ),
    "rotation": ("bilinear", {"turns": 1000, "trace.every": 4, "scheduler": "alternating"}),
    "stall": ("dirac", {"turns": 600, "scheduler": "alternating", "loss": "wasserstein"}),
}
HEALTHY: dict[str, tuple[str, dict[str, Any]]] = {
    "a penalised Dirac-GAN": ("dirac", {"turns": 600, "scheduler": "alternating", "penalty": "r1"}),
    "a GAN": ("two-moons", {"turns": 3000, "metrics.every": 0, "trace.every": 50, "score.every": 250}),
    "an adaptation": ("dann", {"turns": 400}),
    "a spiral inwards": (
        "bilinear",
        {"turns": 500, "rule": "extragradient", "x.lr": 0.3, "y.lr": 0.3, "trace.every": 4, "until_solved": False},
    ),
    "one that has converged, whose losses are all but 0": (
        "bilinear",
        {"turns": 300, "rule": "extragradient", "x.lr": 0.3, "y.lr": 0.3, "trace.every": 50, "score.every": 1000, "until_solved": False},
    ),
    "one scored at its ends alone": (
        "bilinear",
        {"turns": 300, "rule": "extragradient", "trace.every": 50, "score.every": 1000},
    ),
}


def play(case: tuple[str, dict[str, Any]], out: Path, **more: Any) -> arena.Result:
    game, settings = case
    return arena.play(game, out=out, display=False, **{**QUIET, **settings, **more})


def test_every_alarm_has_a_planted_case() -> None:
    assert set(PLANTED) == set(entries("alarm"))


@pytest.mark.parametrize("name", first(2, PLANTED))
def test_it_rings_where_its_fault_was_planted(name: str, tmp_path: Path) -> None:
    result = play(PLANTED[name], tmp_path / "run")
    assert name in result.alarms
    rows = [row for row in read_trace(tmp_path / "run") if row["kind"] == "alarm" and row["alarm"] == name]
    assert rows[0]["raised"]
    assert (rows[0]["turn"], rows[0]["reason"]) == result.alarms[name]
    assert [row["raised"] for row in rows] == [True, False] * (len(rows) // 2) + [True] * (len(rows) % 2)  # once, until it is over
    assert arena.resume(tmp_path / "run").alarms == result.alarms  # of a run that is over, from its trace


@pytest.mark.parametrize("name", first(1, HEALTHY))
def test_all_keep_quiet_in_a_healthy_run(name: str, tmp_path: Path) -> None:
    assert play(HEALTHY[name], tmp_path / "run").alarms == {}


def row(turn: int, **numbers: Any) -> dict[str, Any]:
    return {"kind": "turn", "turn": turn, "progress": turn / 100, **numbers}


def test_an_alarm_waits_and_is_over_in_as_many_rows() -> None:
    alarms = Alarms(["dominance(patience=2)"], SwissRoll())
    losses = [(1.4, 0.7), (0.01, 2.0), (1.0, 2.0), (0.01, 2.0), (0.01, 2.0), (0.01, 2.0), (1.0, 2.0), (1.0, 2.0)]
    told = [alarms.look(row(t, **{"discriminator.loss": d, "generator.loss": g})) for t, (d, g) in enumerate(losses)]
    assert [[change.raised for change in changes] for changes in told] == [[], [], [], [], [True], [], [], [False]]
    assert told[4][0].sentence == (
        "alarm: dominance: discriminator has nothing left to learn (loss 0.01, 1.4 at the start) while that of generator rose from 0.7 to 2"
    )
    assert list(alarms.raised) == ["dominance"]


def test_a_period_is_found_and_noise_has_none() -> None:
    time = np.arange(48)
    noise = np.random.default_rng(0).normal(size=(200, 48))
    for turns in (6, 9, 15, 25):
        found = period(list(np.sin(2 * np.pi * time / turns) + 0.2 * noise[0]))
        assert found is not None
        assert abs(found - turns) <= 1
    assert sum(period(list(series)) is not None for series in noise) <= 2
    assert period(list(np.exp(-time / 10))) is None
    assert period([float("nan")] * 48) is None
    assert period([float("inf"), 1e308] * 24) is None  # silently: a run that diverges warns of nothing
    assert period(list(1e300 * np.sin(2 * np.pi * time / 12))) == 12


def test_an_alarm_may_end_a_run(tmp_path: Path, cli: Cli) -> None:
    result = play(PLANTED["rotation"], tmp_path / "run", **{"alarms.stop": ("rotation",)})
    assert (result.status, result.turns < 1000) == ("alarmed", True)
    assert result.reason == "rotation: " + result.alarms["rotation"][1]
    assert read_trace(tmp_path / "run")[-1]["status"] == "alarmed"
    shown = cli("play", "bilinear", "--turns", "1000", "--trace.every", "4", "--scheduler", "alternating", "--trace.tensorboard", "false")
    assert shown.returncode == 0
    said = re.search(r"turn \d+: alarm: rotation: the loss of [xy] goes round with a period of about (\d+) turns", shown.stdout)
    assert said is not None
    assert abs(int(said[1]) - 63) <= 6  # of xy, where x and y go round once in 2π/η rounds of two turns, η = 0.1
    assert "alarms      rotation in turn" in shown.stdout


def test_alarms_go_on_where_they_stood(tmp_path: Path) -> None:
    """A run that is cut in the middle of a ringing alarm and resumed has the same rows as one that was not."""
    settings = {"turns": 600, "trace.every": 4, "scheduler": "alternating", "checkpoint.every": 130}
    whole = arena.play("bilinear", out=tmp_path / "whole", display=False, **{**QUIET, **settings})
    arena.play("bilinear", out=tmp_path / "cut", display=False, **{**QUIET, **settings})
    cut = tmp_path / "cut"
    for late in sorted((cut / "checkpoints").glob("*0000*"))[-2:]:
        late.unlink()
    trace = (cut / "trace.jsonl").read_bytes()
    (cut / "trace.jsonl").write_bytes(trace[: trace.rindex(b'{"kind": "end"')])
    assert arena.resume(cut, display=False).alarms == whole.alarms
    assert (cut / "trace.jsonl").read_bytes() == (tmp_path / "whole" / "trace.jsonl").read_bytes()


def test_tensorboard_shows_them(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    play(PLANTED["rotation"], tmp_path / "run", **{"trace.tensorboard": True})
    board = EventAccumulator(str(tmp_path / "run"), size_guidance={"scalars": 0})
    board.Reload()
    ringing = board.Scalars("signals/alarm/rotation")
    raised = [row["turn"] for row in read_trace(tmp_path / "run") if row["kind"] == "alarm" and row["raised"]]
    assert (ringing[0].value, ringing[0].step) == (1.0, raised[0])
    assert "rotation" in board.Tensors("alarms/rotation/text_summary")[0].tensor_proto.string_val[0].decode()


def test_words_for_alarms() -> None:
    assert len(construct_all("alarm", ["all"])) == len(entries("alarm"))
    assert construct_all("alarm", ["none"]) == {}
    assert construct_all("alarm", ["stall(share=0.5)"])["stall"].share == 0.5  # type: ignore[attr-defined]
    with pytest.raises(UnknownName, match="unknown alarm 'colapse': did you mean 'collapse'"):
        construct_all("alarm", ["colapse"])
    with pytest.raises(BadSetting, match=r"stall.share is 2.0, but must be a finite number above 0 and below 1"):
        construct_all("alarm", ["stall(share=2)"])
    with pytest.raises(ArenaError, match="the alarm 'stall' is named twice"):
        construct_all("alarm", ["all", "stall"])
    with pytest.raises(UnknownName, match=r"unknown alarm in alarms.stop 'rotatoin': did you mean 'rotation'"):
        arena.configure("bilinear", {"alarms.stop": ("rotatoin",)})
    assert Alarms(["all"], Bilinear()).ringing == {}


@pytest.mark.parametrize(("scores", "rings"), [(3, False), (5, False), (6, True), (11, True)])
def test_a_run_of_a_few_scores_is_not_said_to_have_stalled(scores: int, rings: bool) -> None:
    """Evenly spaced and all alike: at the end of 6 there are three in the last half, of 5 only two."""
    alarm = construct_all("alarm", ["stall"])["stall"]
    told = None
    for n in range(scores):
        row = {"progress": n / (scores - 1), "score": 1.0}
        told = alarm.look(TraceView(Bilinear(), row, row, {"score": 1.0}))  # type: ignore[attr-defined]
    assert (told is not None) is rings
