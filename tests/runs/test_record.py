"""The record of a run: its environment, its duration, and how often it is scored within its turns."""

import json
import re
from pathlib import Path

import pytest
import torch
import yaml

import arena
from arena.config import configure
from arena.engine.env import Arena
from arena.games import Bilinear
from arena.runs.environment import FILE, recorded
from arena.schedulers import Moment, Scheduler
from tests.conftest import QUIET, Cli
from tests.support.cases import first

SHORT = {"turns": 6, **QUIET}


def test_the_environment_is_recorded_and_what_a_run_determines_stays_the_same(tmp_path: Path) -> None:
    folders = [arena.play("bilinear", out=tmp_path / name, display=False, **SHORT).folder for name in ("a", "b")]
    (entry,) = json.loads((folders[0] / FILE).read_text())
    assert entry["version"] == arena.__version__ and entry["packages"]["torch"] and entry["host"] and entry["device"].startswith("cpu")
    assert entry["started"].endswith("+00:00") and entry["seconds"] > 0 and "commit" in entry
    for name in ("config.yaml", "trace.jsonl"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_each_part_of_a_resumed_run_is_recorded(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("damaged")
    for _ in range(2):
        with recorded(tmp_path, torch.device("cpu")):
            pass
    with pytest.raises(ValueError, match="stop"), recorded(tmp_path, torch.device("cpu")):
        raise ValueError("stop")
    assert [entry["seconds"] >= 0 for entry in json.loads((tmp_path / FILE).read_text())] == [True] * 3


@pytest.mark.parametrize("named", first(1, [(), ("--score.every", "2")]), ids=["turns alone", "an interval too"])
def test_a_run_prints_how_long_it_took_and_paces_what_it_records(named: tuple[str, ...], quick_cli: Cli, tmp_path: Path) -> None:
    done = quick_cli("play", "ring", "--turns", "4", "--batch", "4", "--trace.tensorboard", "false", *named, "--out", "run")
    assert done.returncode == 0 and re.search("\n  status +finished after 4 turns in [0-9.]+ s\n", done.stdout)
    usual, settings = configure("ring").settings, yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    for group in ("picture", "checkpoint", "metrics"):
        paced = max(1, round(4 * usual[group]["every"] / usual["turns"]))
        assert settings[group]["every"] == (usual[group]["every"] if named else paced)


class Observer(Scheduler):
    """Keeps the signals that it reads."""

    observes = True

    def __init__(self) -> None:
        self.read: list[dict[str, float]] = []

    def action(self, moment: Moment) -> tuple[float, float, float]:
        self.read.append(dict(moment.signals))
        return 1.0, 1.0, moment.coupling


def test_a_scheduler_reads_what_the_environment_shows() -> None:
    scheduled, stepped = Arena(Bilinear, turns=4, scheduler=Observer()), Arena(Bilinear, turns=4)
    scheduled.reset(seed=0)
    shown = [stepped.reset(seed=0)[1]["signals"]]
    for _ in range(4):
        scheduled.play_scheduled_turn()
        shown.append(stepped.step(stepped.action_space.high)[4]["signals"])
    assert isinstance(scheduled.scheduler, Observer)
    assert scheduled.scheduler.read == shown[:4]
    assert "x.update_cosine" in shown[3] and "x.gradient_norm" in shown[1]
