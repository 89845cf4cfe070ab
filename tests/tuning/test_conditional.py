"""Conditional spaces: a setting that exists for some choices only is chosen, played and reported where it exists."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from arena.cli import main
from arena.config import configure
from arena.errors import ArenaError
from arena.experiments.ledger import SeedResult, TrialRecord, read_all
from arena.experiments.map.reading import map_of
from arena.experiments.values import Point
from arena.tuning import Options, Played, parse_space, samplers, sweep
from arena.tuning.backends.journal import open_study
from arena.tuning.backends.optuna import play_next
from arena.tuning.backends.trial_queue import TrialQueue
from arena.tuning.plan import Sweep, begin, load, plan
from arena.tuning.played import trials_of_sweep
from arena.tuning.points import planned_points
from arena.tuning.report.sensitivity import Findings, examine

SPACE = {"x.momentum": "0:0.9", "x.lr": "log:0.01:0.1", "x.optimizer": "sgd,adam", "x.betas.0": "0:0.9"}
REPORTED = {name: SPACE[name] for name in ("x.lr", "x.optimizer", "x.momentum")}
ADAPTIVE = [("tpe", "hyperband"), ("gp", "none"), ("cma-es", "median"), ("nsga-ii", "successive-halving")]
PLANNED = [("qmc", "none"), ("grid", "none"), ("random", "none")]


def _plan(space: Any = SPACE, **options: Any) -> Sweep:
    return plan("bilinear", {"turns": 4}, space=parse_space(space), options=Options(**{"trials": 12, "seeds": (0,), **options}))


def _play(found: Sweep, folder: Path, most: int = 1000) -> list[Point]:
    """Play trials in this process as the Optuna backend does; return their points by number."""
    options = found.options
    queue = TrialQueue(found, folder, open_study(found, folder, samplers.sampler(options), samplers.pruner(options)))
    queue.prepare()
    for _ in range(most):
        if not play_next(queue, "here"):
            break
    return [record.point for record in read_all(folder)]


def _fits(point: Point) -> bool:
    return set(point) == {"x.lr", "x.optimizer", "x.momentum" if point["x.optimizer"] == "sgd" else "x.betas.0"}


# Points --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "point", "active"),
    [
        (SPACE, {"x.optimizer": "adam"}, ["x.lr", "x.optimizer", "x.betas.0"]),
        ({"*.optimizer": "sgd,adam", "*.momentum": "0:0.9"}, {"*.optimizer": "sgd"}, ["*.optimizer", "*.momentum"]),
        ({"x.optimizer": "sgd,adam", "y.optimizer": "adam,sgd", "*.momentum": "0:0.9"}, {"x.optimizer": "sgd", "y.optimizer": "adam"},
         ["x.optimizer", "y.optimizer"]),
        ({"rule.gamma": "0.1:1", "rule": "lola,consensus"}, {"rule": "lola"}, ["rule"]),
        ({"rule.gamma": "0.1:1", "rule": "lola,consensus"}, {"rule": "consensus"}, ["rule.gamma", "rule"]),
        ({"rule": "averaging,lola", "rule.inner": "sga,consensus", "rule.inner.gamma": "0:1"}, {"rule": "lola"}, ["rule"]),
        ({"rule": "averaging,lola", "rule.inner": "sga,consensus", "rule.inner.gamma": "0:1"},
         {"rule": "averaging", "rule.inner": "consensus"}, ["rule", "rule.inner", "rule.inner.gamma"]),
    ],
)  # fmt: skip
def test_a_setting_is_active_where_it_exists(space: dict[str, str], point: Point, active: list[str]) -> None:
    found = _plan(space)
    whole = found.space.middle() | point
    assert list(found.configs.active(whole)) == active
    values = found.config(whole, 0).flat()
    assert values == found.config(found.configs.active(whole), 0).flat()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x.optimizer=sgd,adam", "x.momentun=0:1"], "unknown setting 'x.momentun': did you mean 'x.momentum'?"),
        (["rule=simultaneous,lola", "x.lrr=0:1"], "unknown setting 'x.lrr': did you mean 'x.lr'?"),
        (["rule=simultaneous,lolo", "rule.gamma=0:1"], "unknown rule 'lolo': did you mean 'lola'?"),
        (
            ["x.optimizer=sgd,adam", "x.betas.2=0:1"],
            "--vary x.betas.2 is number 2 of x.betas, which is (0.9, 0.999). Fix: name another index",
        ),
        (["rule=lola,consensus", "rule.gamma=-3:9"], "rule.gamma is -3.0, but must be a finite number of at least 0"),
    ],
)
def test_a_setting_that_exists_for_no_choice_is_unknown(words: list[str], message: str) -> None:
    with pytest.raises(ArenaError) as raised:
        _plan(words)
    assert str(raised.value) == message


@pytest.mark.parametrize(("sampler", "pruner"), ADAPTIVE + PLANNED)
def test_every_sampler_chooses_active_settings_alone(tmp_path: Path, sampler: str, pruner: str) -> None:
    found = _plan(sampler=sampler, pruner=pruner, rungs=4)
    points = _play(found, begin(found, tmp_path / "s"))
    assert len(points) == found.count
    assert all(map(_fits, points))
    assert len({point["x.optimizer"] for point in points}) == 2


def test_a_grid_has_each_active_point_once() -> None:
    points = _plan(sampler="grid", trials=25).points  # 2 optimizers × 3 rates × 3 numbers of one of them: two more levels would be 32
    assert len(points) == len({tuple(point.items()) for point in points}) == 18
    assert all(map(_fits, points))
    with pytest.raises(ArenaError, match="a grid with the ends of every range alone has more than --trials 7 points; take qmc"):
        _plan(sampler="grid", trials=7)


def test_quasi_random_points_are_those_of_the_whole_space_without_inactive_settings() -> None:
    found = _plan(sampler="qmc")
    whole = planned_points(found.space, found.options)
    assert found.points == [{name: point[name] for name in own} for own, point in zip(found.points, whole, strict=True)]
    assert all(map(_fits, found.points))


@pytest.mark.parametrize("sampler", ["grid", "random", "qmc"])
def test_an_interrupted_sweep_plays_the_same_points(tmp_path: Path, sampler: str) -> None:
    found = _plan(sampler=sampler, trials=9)
    whole = _play(found, begin(found, tmp_path / "whole"))
    _play(found, begin(found, tmp_path / "cut"), most=3)
    assert _play(load(tmp_path / "cut"), tmp_path / "cut") == whole == found.points


def test_a_trial_whose_worker_died_keeps_its_active_settings(tmp_path: Path) -> None:
    found = _plan(sampler="tpe", trials=3)
    folder = begin(found, tmp_path / "s")
    queue = TrialQueue(found, folder, open_study(found, folder, samplers.sampler(found.options)))
    lost = queue.take("dead")
    assert lost is not None
    queue.recover_lost()
    points = _play(load(folder), folder)
    assert points[0] == points[1] == dict(lost.params)
    assert all(map(_fits, points))


def test_the_population_plays_what_optuna_plays(tmp_path: Path) -> None:
    one = _plan(sampler="qmc", trials=6)
    other = _plan(sampler="qmc", trials=6, backend="population")
    assert _play(one, begin(one, tmp_path / "one")) == other.points
    from arena.tuning.backends import population

    population.play(other, begin(other, tmp_path / "other"), 1)
    values = [[record.value for record in read_all(tmp_path / name)] for name in ("one", "other")]
    assert values[0] == pytest.approx(values[1], rel=1e-5)


# Reports -------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted() -> Findings:
    """Of a response that depends on the momentum where the optimizer is sgd, and is flat elsewhere: log value = 6 m² or 1.5."""
    found = _plan(REPORTED, sampler="qmc", trials=64)
    rng, records = np.random.default_rng(0), []
    for number, point in enumerate(found.points):
        centre = 6 * float(point["x.momentum"]) ** 2 if "x.momentum" in point else 1.5
        value = math.exp(centre + 0.05 * rng.standard_normal())
        plays = (SeedResult(0, "finished", value, value, 4, "converging"),)
        records.append(TrialRecord(number, point, "finished", {"criterion": value}, plays))
    made = examine(found.space, trials_of_sweep(found, Path(), records), resamples=6)
    assert made is not None
    return made


def test_the_importance_of_a_conditional_setting_is_over_the_trials_that_have_it(planted: Findings) -> None:
    assert planted.active == {"x.momentum": 32}
    assert planted.label("x.momentum") == "x.momentum (32 of 64)"
    for method in ("PED-ANOVA", "fANOVA"):
        assert planted.importance["x.momentum"][method].value > 0.9
        always = [planted.importance[name][method].value for name in ("x.lr", "x.optimizer")]
        assert sum(always) == pytest.approx(1)


def test_a_slice_and_a_map_are_where_both_settings_exist(planted: Findings) -> None:
    curve = planted.curves["x.momentum"]
    assert curve.expected[-1] / curve.expected[0] == pytest.approx(math.exp(6 * 0.81), rel=0.5)
    flat = planted.curves["x.optimizer"]
    assert flat.expected[flat.values.index("adam")] == pytest.approx(math.exp(1.5), rel=0.3)  # whatever the momentum of the best point
    assert planted.surface is not None
    grid = planted.surface.over("x.optimizer", "x.momentum", ["sgd", "adam"], [0.1, 0.5])
    assert np.isnan(grid).tolist() == [[False, True], [False, True]]
    assert ("x.optimizer", "x.momentum") not in planted.interactions
    assert planted.interactions["x.lr", "x.momentum"] < 0.05


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Played:
    out = tmp_path_factory.mktemp("conditional") / "s"
    options = Options(trials=20, seeds=(0,), backend="population")
    return sweep("bilinear", REPORTED, options=options, out=out, settings={"turns": 8})


def test_a_report_leaves_inactive_settings_empty(swept: Played) -> None:
    with (swept.folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["x.optimizer"], row["x.momentum"] == "") for row in rows} == {("sgd", False), ("adam", True)}
    with (swept.folder / "importance.csv").open(newline="") as file:
        counts = {row["name"]: int(row["trials"]) for row in csv.DictReader(file) if row["kind"] == "setting"}
    assert counts == {"x.lr": 20, "x.optimizer": 20, "x.momentum": 10}
    assert swept.best is not None
    best = yaml.safe_load((swept.folder / "best.yaml").read_text())
    assert ("momentum" in best["x"]) == ("x.momentum" in swept.best.point)
    assert configure(best["game"], best).flat()["x.optimizer"] == swept.best.point["x.optimizer"]


def test_hparams_have_a_column_for_every_setting(swept: Played) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.metadata import parse_experiment_plugin_data, parse_session_start_info_plugin_data

    for record in swept.records[:2]:
        loaded = EventAccumulator(str(swept.folder / "hparams" / f"trial-{record.number:05d}"))
        loaded.Reload()
        content = [loaded.summary_metadata[f"_hparams_/{tag}"].plugin_data.content for tag in ("experiment", "session_start_info")]
        columns = {info.name for info in parse_experiment_plugin_data(content[0]).hparam_infos}
        assert columns == {*REPORTED, "status", "verdict"}
        assert set(parse_session_start_info_plugin_data(content[1]).hparams) == {*record.point, "status", "verdict"}


@pytest.mark.thorough
def test_every_report_reads_the_folder(swept: Played, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(swept.folder)]) == 0
    assert "–" in capsys.readouterr().out
    assert main(["map", str(swept.folder), "--vary", "x.lr", "--vary", "x.momentum"]) == 0
    assert main(["sweep", str(swept.folder), "--vary", "x.momentum"]) == 0


def test_a_map_needs_two_settings_that_exist_together() -> None:
    found = _plan(sampler="qmc", trials=2)
    records = [TrialRecord(i, point, "finished", {"criterion": 1.0}) for i, point in enumerate(found.points)]
    with pytest.raises(ArenaError, match=r"no trial in which both x.betas.0 and x.momentum exist. Expected two that exist together"):
        map_of(trials_of_sweep(found, Path("s"), records), ["x.betas.0", "x.momentum"])
