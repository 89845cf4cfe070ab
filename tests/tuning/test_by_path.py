"""Samplers, pruners, backends and executors that are named by an import path or a file."""

import json
from pathlib import Path

import optuna
import pytest
import yaml

from arena.cli import main
from arena.errors import ArenaError, Untrusted
from arena.experiments.executors import executor
from arena.registry import trust
from arena.tuning import Options
from arena.tuning.samplers import pruner, sampler
from tests.conftest import QUIET

MINE = """
import optuna
from arena.experiments.executors.in_place import play as play_in_place
from arena.tuning.backends.optuna import play as play_by_optuna

class Mine(optuna.samplers.RandomSampler):
    def __init__(self, seed: int | None = None, lowest: float = 0.0):
        super().__init__(seed)
        self.lowest = lowest

    def sample_independent(self, study, trial, name, distribution):
        return max(self.lowest, super().sample_independent(study, trial, name, distribution))

class Early(optuna.pruners.BasePruner):
    def prune(self, study, trial):
        return trial.number % 2 == 1

def one_by_one(work, jobs, ended, turns, resources):
    (resources.folder / "mine").touch()
    play_in_place(work, jobs, ended, turns, resources)

def sweeping(sweep, folder, workers, tell):
    (folder / "mine").touch()
    play_by_optuna(sweep, folder, workers, tell)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    return tmp_path


def test_a_class_of_optuna_has_its_arguments_and_a_seed() -> None:
    options = Options(sampler="optuna.samplers.TPESampler(n_startup_trials=3)", pruner="optuna.pruners.PercentilePruner(percentile=25)")
    made, again = sampler(options, 1), sampler(options, 1)
    assert isinstance(made, optuna.samplers.TPESampler) and made._n_startup_trials == 3
    assert made._rng.rng.random() == again._rng.rng.random() != sampler(options, 2)._rng.rng.random()
    assert isinstance(pruner(options), optuna.pruners.PercentilePruner)


def test_a_sweep_by_files_is_resumed_from_elsewhere(mine: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    chosen = ["--sampler", "mine.py:Mine(lowest=0.05)", "--pruner", "mine.py:Early", "--backend", "mine.py:sweeping"]
    words = ["--turns", "20", "--vary", "x.lr=log:0.01:0.1", "--trials", "4", "--seeds", "1", "--workers", "1", "--out", "swept"]
    assert main(["sweep", "bilinear", *words, *chosen]) == 0
    folder = mine / "swept"
    records = [json.loads(file.read_text()) for file in sorted((folder / "trials").iterdir())]
    assert [record["status"] for record in records] == ["finished", "pruned"] * 2 and (folder / "mine").is_file()
    assert min(record["point"]["x.lr"] for record in records) >= 0.05
    kept = yaml.safe_load((folder / "sweep.yaml").read_text())["sweep"]
    assert (kept["sampler"], kept["backend"]) == (f"{mine / 'mine.py'}:Mine(lowest=0.05)", f"{mine / 'mine.py'}:sweeping")
    with pytest.MonkeyPatch.context() as moved:
        moved.chdir(tmp_path_factory.mktemp("elsewhere"))
        assert main(["resume", str(folder)]) == 0
    (folder / trust.SIGNED).unlink()
    with trust.only([]), pytest.raises(Untrusted, match="a file names the"):
        Options(sampler=kept["sampler"])


def test_a_comparison_by_a_file(mine: Path) -> None:
    words = [word for name, value in QUIET.items() for word in (f"--{name}", str(value).lower())]
    varied = ["--vary", "rule=simultaneous,extragradient", "--turns", "3", "--budget", "turns", "--out", "both"]
    assert main(["compare", "bilinear", *varied, *words, "--backend", "mine.py:one_by_one"]) == 0
    assert (mine / "both" / "mine").is_file()


@pytest.mark.parametrize(
    ("option", "word", "message"),
    [
        ("sampler", "optuna.samplers.TPESampl", "the sampler 'optuna.samplers.TPESampl' cannot be imported"),
        (
            "sampler",
            "optuna.pruners.MedianPruner",
            "is no sampler, but the class MedianPruner. Expected",
        ),
        ("sampler", "optuna.samplers.TPESampler(foo=1)", "unknown argument of TPESampler 'foo'"),
        ("sampler", "optuna.samplers.GridSampler", "the sampler optuna.samplers.GridSampler cannot be made"),
        ("pruner", "optuna.pruners.ThresholdPruner", "cannot be made .* Fix: give its arguments in brackets"),
        ("backend", "os.path.join", "is no backend, but the function join. Expected a function whose first argument is `sweep`"),
    ],
)
def test_what_a_path_may_not_name(option: str, word: str, message: str) -> None:
    with pytest.raises(ArenaError, match=message):
        Options(**{option: word})


def test_ray_prunes_by_its_own() -> None:
    with pytest.raises(ArenaError, match="Ray has its own pruners"):
        Options(backend="ray", pruner="optuna.pruners.PercentilePruner(percentile=25)")


def test_what_no_executor_is() -> None:
    with pytest.raises(ArenaError, match=r"'os\.path\.join' is no executor, but the function join"):
        executor("os.path.join")
