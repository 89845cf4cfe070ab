"""Sweeps: how a space is read, what a point counts as, that backends agree, what the report finds, and that nothing is lost."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml

from arena.config import configure
from arena.errors import ArenaError, FolderInTheWay
from arena.experiments.ledger import SeedResult, TrialRecord, read, read_all, write
from arena.experiments.playing import play_alone
from arena.experiments.values import parse_seeds
from arena.tuning import Options, backends, parse_space, sweep
from arena.tuning.backends.journal import JOURNAL, STUDY, Journal
from arena.tuning.objective import evaluate
from arena.tuning.plan import Sweep, begin, load, plan
from arena.tuning.play import finish
from arena.tuning.played import trials_of_sweep
from arena.tuning.points import planned_points
from arena.tuning.report.sensitivity import examine, variance_of_settings
from arena.tuning.space import Dimension, Space, default_space
from tests.support import commands
from tests.support.rendering import rendering

Cli = Callable[..., subprocess.CompletedProcess[str]]
SMALL: dict[str, Any] = {"generator.hidden": (8, 8), "discriminator.hidden": (8, 8), "batch": 16, "turns": 40, "dtype": "float64"}
RATES = {"x.lr": "log:0.02:0.5", "y.lr": "log:0.02:0.5"}


def test_a_backend_that_is_not_installed_is_told_before_anything_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "arena.tuning.backends.ray", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArenaError) as raised:
        sweep("bilinear", RATES, backend="ray", trials=2, settings={"turns": 10})
    assert str(raised.value) == "the backend ray needs ray, which is not installed; type: pip install -e '.[tuning]'"
    assert not (tmp_path / "runs").exists()


# The space -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "dimension"),
    [
        ("generator.lr=log:1e-5:1e-2", Dimension("generator.lr", 1e-5, 1e-2, log=True)),
        ("coupling=0:1", Dimension("coupling", 0.0, 1.0)),
        ("scheduler.ratio=int:1:5", Dimension("scheduler.ratio", 1, 5, whole=True)),
        ("batch=int:log:16:256", Dimension("batch", 16, 256, log=True, whole=True)),
        ("rule=simultaneous,unrolled(steps=3)", Dimension("rule", choices=("simultaneous", "unrolled(steps=3)"))),
        ("batch=64,128", Dimension("batch", choices=(64, 128))),
        ("*.betas.0=0:0.9", Dimension("*.betas.0", 0.0, 0.9)),
    ],
)
def test_a_dimension_reads_and_is_written_back(word: str, dimension: Dimension) -> None:
    (found,) = parse_space([word]).dimensions
    assert found == dimension
    assert parse_space({found.name: found.word}).dimensions == (dimension,)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["generator.lrr=0:1"], "unknown setting 'generator.lrr': did you mean 'generator.lr'?"),
        (["generator.beta.0=0:1"], "unknown setting 'generator.beta': did you mean 'generator.betas'?"),
        (["generator.betas.2=0:1"], "--vary generator.betas.2 is number 2 of generator.betas, which is (0.5, 0.9). Fix: name another"),
        (["generator.lr=1e-5"], "is neither a range nor a list. Expected LOW:HIGH, log:LOW:HIGH or A,B,C"),
        (["generator.lr=lug:1e-5:1e-2"], "is neither a range nor a list"),
        (["generator.lr=log:0:1"], "begins at 0. Expected a beginning above 0, because its values are logarithmic. Fix: leave out log:"),
        (["generator.lr=2:1"], "ends at 1. Expected an end above its beginning, 2"),
        (["generator.lr=1:a"], "is no range. Expected two finite numbers and perhaps a count, such as 0:1"),
        (["scheduler.ratio=int:1.5:3"], "has ends that are not whole numbers. Fix: leave out int:"),
        (["scheduler.ratio=1:5"], "scheduler.ratio takes whole numbers. Fix: int:1:5"),
        (["noise=0:1", "noise=0:2"], "--vary names 'noise' twice. Fix: give all its values at once"),
        (["seed=0:1"], "the seed is no setting to vary. Fix: --seeds 3"),
        (["rule=simultaneous,lolo"], "unknown rule 'lolo': did you mean 'lola'?"),
        (["generator.lr=-3:1"], "generator.lr is -1.0, but must be a finite number above 0"),
        (["noise"], "--vary noise is not SETTING=VALUES"),
    ],
)  # fmt: skip
def test_bad_spaces_get_one_sentence_before_anything_starts(words: list[str], message: str) -> None:
    with pytest.raises(ArenaError) as error:
        plan("ring", SMALL, space=parse_space(words))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "tpee"}, "unknown sampler 'tpee': did you mean 'tpe'?"),
        ({"backend": "population", "sampler": "tpe"}, "take qmc, grid or random"),
        ({"objectives": ("criterion", "cost"), "pruner": "median"}, "the pruner median cannot judge several objectives"),
        ({"pruner": "wilcoxon", "seeds": (0,)}, "Fix: --seeds 5"),
        ({"trials": 0}, "trials is 0, but must be a whole number of at least 1"),
        ({"quantile": 1.5}, "quantile is 1.5, but must be a finite number of at least 0 and of at most 1"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArenaError, match=message.replace("?", r"\?").replace("(", r"\(")):
        Options(**options)


def test_population_based_training_needs_a_number_to_change() -> None:
    space, options = parse_space(["x.optimizer=sgd,adam"]), Options(backend="ray", pruner="pbt", sampler="random")
    with pytest.raises(ArenaError, match=r"pbt changes numbers on the way, but only words vary\. Fix: --pruner none"):
        plan("bilinear", {"turns": 4}, space=space, options=options)


def test_every_game_has_a_space_and_planned_points_lie_in_it() -> None:
    for game in ("bilinear", "dirac", "swiss-roll", "regression", "dann", "matching-pennies"):
        space = default_space(configure(game))
        for point in planned_points(space, Options(trials=8, sampler="qmc")):
            assert all(0 <= d.share(point[d.name]) <= 1 for d in space.dimensions), game
    assert parse_seeds("2") == (0, 1)


def test_one_of_several_numbers_is_set_for_both_players() -> None:
    found = plan("ring", SMALL, space=parse_space(["*.betas.0=0:0.9", "coupling=0.1:1"]))
    flat = found.config({"*.betas.0": 0.25, "coupling": 0.5}, 3).flat()
    assert tuple(flat["generator.betas"]) == tuple(flat["discriminator.betas"]) == (0.25, 0.9)
    assert (flat["coupling.value"], flat["seed"]) == (0.5, 3)


def test_points_spend_the_same_budget_whatever_their_rule() -> None:
    found = plan("bilinear", {"turns": 60}, space=parse_space(["rule=simultaneous,extragradient", "x.lr=0.1:0.2"]))
    turns = {rule: found.config({"rule": rule, "x.lr": 0.1}, 0).run.turns for rule in ("simultaneous", "extragradient")}
    assert turns == {"simultaneous": 60, "extragradient": 30}


# What a point counts as ----------------------------------------------------------------------------------------------------------


def test_a_points_value_is_the_median_of_runs_by_themselves() -> None:
    found = plan("bilinear", {"turns": 40}, space=parse_space(RATES), options=Options(seeds=(0, 1, 2), pruner="none"))
    point = {"x.lr": 0.05, "y.lr": 0.06}
    record = evaluate(found, 0, point)
    alone = [outcome.score for outcome in play_alone([found.config(point, seed) for seed in (0, 1, 2)], 100)]
    assert [play.score for play in record.runs] == alone
    assert record.value == sorted(alone)[1]
    assert record.cost == 3 * 80


def test_what_diverges_counts_as_a_finite_penalty_and_is_not_played_on() -> None:
    settings = {"turns": 2000, "x.lr": 1.0}
    found = plan("bilinear", settings, space=parse_space({"y.lr": "1:3"}), options=Options(seeds=(0, 1, 2), pruner="none"))
    record = evaluate(found, 0, {"y.lr": 2.0})
    assert record.status == "finished"
    assert record.value == found.penalty < math.inf
    assert all(play.turns < 2000 for play in record.runs)
    assert {play.verdict for play in record.runs[:2]} <= {"diverged"}


def test_a_run_that_leaves_the_solution_counts_at_least_as_untrained_however_near_it_began() -> None:
    found = plan("bilinear", {"turns": 100}, space=parse_space({"x.lr": "0.1:0.2"}), options=Options(seeds=(0, 1, 2, 3), pruner="none"))
    record = evaluate(found, 0, {"x.lr": 0.1})
    assert {play.verdict for play in record.runs} == {"diverged"}
    lucky = [play for play in record.runs if play.score is not None and play.score < found.untrained]
    assert lucky
    assert all(play.value == found.untrained for play in lucky)
    values = sorted(play.value for play in record.runs)
    assert record.value == (values[1] + values[2]) / 2


def test_a_collapsed_generator_is_stopped_and_counts_as_untrained() -> None:
    settings = {**SMALL, "turns": 80, "dtype": "float32", "generator.lr": 1e-8}
    found = plan("ring", settings, space=parse_space({"discriminator.lr": "log:1e-5:1e-4"}), options=Options(seeds=(0,), pruner="none"))
    record = evaluate(found, 0, {"discriminator.lr": 2e-5})
    assert [play.verdict for play in record.runs] == ["collapsed"]
    assert record.runs[0].turns < 80
    assert record.value == found.untrained


def test_values_that_do_not_go_together_are_told_and_finite() -> None:
    found = plan("ring", SMALL, space=parse_space({"pack": "int:1:2", "noise": "0:0.1"}), options=Options(seeds=(0,)))
    record = evaluate(found, 0, {"pack": 3, "noise": 0.1})
    assert (record.status, record.value) == ("undefined", found.penalty)
    assert "a divisor of the batch" in record.reason


def test_modes_left_out_make_a_gan_worse_and_adaptation_does_not_peek() -> None:
    game = configure("ring", SMALL).example()
    assert 1.0 < float(game.criterion(1.0)) <= 2.0  # an untrained generator covers one mode at most
    assert not plan("dann", {"turns": 8}).uses_oracle
    assert plan("dann", {"turns": 8}, options=Options(objectives=("score",))).uses_oracle


# Backends ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_population_gives_what_optuna_gives(tmp_path: Path) -> None:
    space = parse_space({"generator.lr": "log:1e-4:1e-2", "scheduler.ratio": "int:1:3"})
    told = {}
    for backend in ("optuna", "population"):
        options = Options(trials=4, seeds=(0, 1), backend=backend, sampler="qmc", pruner="none", workers=2)
        told[backend] = finish(found := plan("ring", SMALL, space=space, options=options), begin(found, tmp_path / backend)).records
    for a, b in zip(told["optuna"], told["population"], strict=True):
        assert a.point == b.point
        assert a.value == pytest.approx(b.value, rel=1e-8)
        for one, other in zip(a.runs, b.runs, strict=True):
            assert (one.status, one.turns, one.verdict) == (other.status, other.turns, other.verdict)
            assert one.history[-1] == pytest.approx(other.history[-1], rel=1e-7)


def test_a_backend_is_a_file_with_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no entry in any list, and the error for an unknown one names it."""
    (tmp_path / "mine.py").write_text(
        "from arena.tuning.backends.population import play as play_population\n\n"
        "def play(sweep, folder, workers, tell):\n    (folder / 'mine').touch()\n    play_population(sweep, folder, workers, tell)\n"
    )
    (tmp_path / "helper.py").write_text("def play(work):\n    pass\n")
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(tmp_path)])
    found = sweep("bilinear", RATES, backend="mine", sampler="qmc", trials=2, seeds=1, settings={"turns": 8}, out=tmp_path / "s")
    assert len(found.records) == 2 and (found.folder / "mine").exists()
    monkeypatch.delitem(sys.modules, "arena.tuning.backends.mine")
    with pytest.raises(ArenaError, match="unknown backend 'helper': there are mine, optuna, population and ray"):
        Options(backend="helper")


@pytest.mark.parametrize(
    ("sampler", "pruner"), [("tpe", "hyperband"), ("gp", "successive-halving"), ("nsga-ii", "median"), ("random", "none")]
)
def test_samplers_and_pruners_by_name(tmp_path: Path, sampler: str, pruner: str) -> None:
    from arena.tuning import samplers
    from arena.tuning.backends.journal import open_study
    from arena.tuning.backends.optuna import play_next
    from arena.tuning.backends.trial_queue import TrialQueue

    options = Options(trials=5, seeds=(0,), sampler=sampler, pruner=pruner, rungs=4)
    found = plan("bilinear", {"turns": 12}, space=parse_space(RATES), options=options)
    folder = begin(found, tmp_path / "s")
    ledger = TrialQueue(found, folder, open_study(found, folder, samplers.sampler(options), samplers.pruner(options)))
    ledger.prepare()
    while play_next(ledger, "here"):
        pass
    assert [record.number for record in read_all(folder)] == list(range(5))
    assert all(math.isfinite(record.value) for record in read_all(folder))


def test_several_objectives_give_a_front(tmp_path: Path) -> None:
    options = Options(trials=6, seeds=(0, 1), backend="population", objectives=("criterion", "cost"))
    space = {"x.lr": "log:0.02:0.5", "turns": "int:5:40"}
    found = sweep("bilinear", space, options=options, out=tmp_path / "s", settings={"rule": "extragradient"})
    front = found.front
    assert front
    assert min(found.records, key=lambda record: record.values["cost"]) in front
    values = [tuple(record.values.values()) for record in front]
    assert not any(a != b and a[0] <= b[0] and a[1] <= b[1] for a in values for b in values)


# The report ----------------------------------------------------------------------------------------------------------------------


def _made(count: int, value: Callable[[float, float, float], float], noise: float, seeds: int = 3) -> tuple[Sweep, list[TrialRecord]]:
    space = Space((Dimension("x.lr", 1e-3, 1, log=True), Dimension("y.lr", 1e-3, 1, log=True), Dimension("*.momentum", 0, 0.9)))
    made = plan("bilinear", {"turns": 4}, space=space, options=Options(trials=count, seeds=tuple(range(seeds)), sampler="qmc"))
    rng, records = np.random.default_rng(0), []
    for number, point in enumerate(planned_points(space, Options(trials=count, sampler="qmc"))):
        centre = value(*(d.share(point[d.name]) for d in space.dimensions))
        values = [float(math.exp(centre + noise * rng.standard_normal())) for _ in range(seeds)]
        plays = tuple(SeedResult(seed, "finished", v, v, 4, "converging") for seed, v in enumerate(values))
        records.append(TrialRecord(number, point, "finished", {"criterion": sorted(values)[seeds // 2]}, plays))
    return made, records


def test_the_setting_that_matters_is_found_and_the_seeds_are_told_apart() -> None:
    made, records = _made(64, lambda x, y, m: 8 * (x - 0.5) ** 2, noise=0.05)
    found = examine(made.space, trials_of_sweep(made, Path(), records), resamples=6)
    assert found is not None
    assert next(iter(found.importance)) == "x.lr"
    assert all(found.importance["x.lr"][method].low > found.importance["*.momentum"][method].high for method in ("PED-ANOVA", "fANOVA"))
    assert found.settings is not None
    assert found.settings.value > 0.9
    curve = found.curves["x.lr"]  # e^(8 (x − ½)²) is 10 % above its least at x − ½ = ±√(log 1.1 / 8), a factor of 2.1
    assert 1.3 < float(curve.within[1]) / float(curve.within[0]) < 9
    assert found.curves["*.momentum"].open == (True, True)


def test_the_ratio_of_rates_is_seen_where_it_alone_matters() -> None:
    made, records = _made(64, lambda x, y, m: 6 * (x - y) ** 2, noise=0.05)
    found = examine(made.space, trials_of_sweep(made, Path(), records), resamples=6)
    assert found is not None
    assert next(iter(found.derived)) == "y.lr / x.lr"
    assert next(iter(found.interactions)) == ("x.lr", "y.lr")
    assert found.interactions["x.lr", "y.lr"] > 0.3


def test_luck_is_called_luck() -> None:
    made, records = _made(12, lambda x, y, m: 0.0, noise=1.0)
    found = examine(made.space, trials_of_sweep(made, Path(), records), resamples=6)
    assert found is not None
    assert found.settings is not None
    assert found.settings.value < 0.5
    text = " ".join(found.warnings)
    assert "are few for 3 settings" in text
    assert "is open, because" in text
    made, records = _made(12, lambda x, y, m: x, noise=0.1, seeds=1)
    assert variance_of_settings(records, 4) is None
    assert "settings and luck cannot be separated" in " ".join(
        (examine(made.space, trials_of_sweep(made, Path(), records), resamples=2) or found).warnings
    )
    assert examine(made.space, trials_of_sweep(made, Path(), records[:4])) is None


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sweep") / "s"
    options = Options(trials=16, seeds=(0, 1), backend="population")
    space = {**RATES, "rule": ["simultaneous", "extragradient"]}
    with rendering():
        sweep("bilinear", space, options=options, out=out, settings={"turns": 30})
    return out


def test_the_report_writes_tables_pictures_and_the_best_point(swept: Path) -> None:
    with (swept / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == list(range(16))
    best = min(rows, key=lambda row: float(row["criterion"]))
    settings = yaml.safe_load((swept / "best.yaml").read_text())
    assert settings["x"]["lr"] == float(best["x.lr"])
    config = configure(settings["game"], settings)
    assert play_alone([config], 100)[0].score == pytest.approx(float(best["score.0"]), rel=1e-4)
    pictures = {path.stem for path in swept.glob("*.png")}
    assert {"importance", "tolerance", "parallel", "seeds", "map-x.lr-y.lr"} <= pictures
    assert {"importance.csv", "tolerance.csv"} <= {path.name for path in swept.glob("*.csv")}
    assert len(list((swept / "hparams").glob("trial-*/events*"))) == 16


def test_a_report_is_made_again_and_a_folder_never_overwritten(swept: Path) -> None:
    before = (swept / "trials.csv").read_text()
    assert len(finish(load(swept), swept).records) == 16
    assert (swept / "trials.csv").read_text() == before
    with pytest.raises(FolderInTheWay, match="go on with it by `arena resume"):
        begin(load(swept), swept)


@pytest.mark.thorough
def test_hparams_are_read_by_tensorboard(swept: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    loaded = EventAccumulator(str(swept / "hparams" / "trial-00003"))
    loaded.Reload()
    assert loaded.Scalars("trial/criterion")[0].value == pytest.approx(next(iter(read_all(swept)[3].values.values())), rel=1e-6)
    assert "_hparams_/session_start_info" in loaded.summary_metadata


# Nothing lost --------------------------------------------------------------------------------------------------------------------


def _start(folder: Path, *words: str, resume: bool = False) -> commands.Process:
    sweeping = ["sweep", "bilinear", "--vary", "x.lr=log:0.01:0.1", "--vary", "y.lr=log:0.01:0.1", "--out", str(folder), *words]
    command = ["resume", str(folder)] if resume else sweeping
    return commands.arena(*command, folder=folder.parent)


def _wait(holds: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def _records(folder: Path) -> int:
    return len(list((folder / "trials").glob("[0-9]*.json")))


def _workers(folder: Path) -> list[int]:
    return [int(path.name.split("-")[2]) for path in (folder / "workers").glob("*-*-*")]


def _killed_while_it_plays(folder: Path, worker: int) -> bool:
    """Kill a worker if it plays a trial, of which there is no record yet."""
    os.kill(worker, signal.SIGSTOP)
    study = optuna.load_study(study_name=STUDY, storage=optuna.storages.JournalStorage(Journal(folder / JOURNAL)))
    running = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.RUNNING and read(folder, trial.number) is None]
    busy = any(trial.user_attrs.get("worker", "").endswith(f"-{worker}") for trial in running)
    os.kill(worker, signal.SIGKILL if busy else signal.SIGCONT)
    return busy


def _counts(folder: Path) -> Counter[str]:
    return Counter(record.status for record in read_all(folder))


LONG = ("--turns", "600", "--trials", "8", "--seeds", "1", "--sampler", "qmc", "--pruner", "none", "--workers", "2", "--rungs", "4")


@pytest.mark.slow
def test_a_killed_worker_loses_no_trial_and_a_killed_driver_repeats_none(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    driver = _start(folder, *LONG)
    _wait(lambda: _records(folder) >= 1 and any(_killed_while_it_plays(folder, worker) for worker in _workers(folder)))
    _wait(lambda: _counts(folder)["lost"] >= 1 or driver.poll() is not None)
    assert driver.poll() is None, driver.output()
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "trials").glob("[0-9]*.json")}
    driver.kill()
    driver.communicate(timeout=60)  # its workers hold the other end of the pipe until they have seen that it is gone
    _wait(lambda: all(not Path(f"/proc/{pid}").exists() or _zombie(pid) for pid in _workers(folder)), 20)
    two = [_start(folder, resume=True) for _ in range(2)]  # which share what is left
    for process in two:
        output = process.communicate(timeout=120)
        assert process.returncode == 0, output
    records = read_all(folder)
    whole = [record for record in records if record.status == "finished"]
    points = load(folder).points
    assert sorted(map(str, (record.point for record in whole))) == sorted(map(str, points))  # each once
    lost = [record for record in records if record.status == "lost"]
    assert {record.reason.partition(";")[0] for record in lost} >= {"its worker was killed"}
    assert sorted(r.retry_of for r in whole if r.retry_of is not None) == sorted(r.number for r in lost)
    for name, written in before.items():
        assert (folder / "trials" / name).stat().st_mtime_ns == written  # what had ended was not played again
    study = optuna.load_study(study_name=STUDY, storage=optuna.storages.JournalStorage(Journal(folder / JOURNAL)))
    assert not [trial for trial in study.trials if trial.state in (optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.WAITING)]


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_line_that_was_cut_short_is_no_harm(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    study = optuna.create_study(study_name=STUDY, storage=optuna.storages.JournalStorage(Journal(path)))
    study.enqueue_trial({"x": 1.0})
    with path.open("a") as file:
        file.write('{"op_code":4,"worker_id":"ab')  # whoever wrote it was killed
    study.ask({"x": optuna.distributions.FloatDistribution(0, 2)})
    again = optuna.load_study(
        study_name=STUDY, storage=optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    )
    assert [trial.params for trial in again.trials] == [{"x": 1.0}]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_full_disk_leaves_what_was_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = plan("bilinear", {"turns": 8}, space=parse_space(RATES), options=Options(trials=3, seeds=(0,), backend="population", members=1))
    folder = begin(found, tmp_path / "s")
    fsync, written = os.fsync, []

    def full(number: int) -> None:
        written.append(number)
        if len(written) > 2:  # the first record: its file, and the name in its folder
            raise OSError(28, "No space left on device")
        fsync(number)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArenaError, match=r"could not be written \(No space left on device\)\. Fix that, then: arena resume"):
        finish(found, folder)
    monkeypatch.undo()
    assert [path.name for path in (folder / "trials").iterdir()] == ["00000.json"]
    assert len(finish(load(folder), folder).records) == 3


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    plays = (SeedResult(1, "finished", 0.5, None, 9, "cycling", history=((0, 1.0, 2.0),), signals={"x.loss": 0.25}),)
    record = TrialRecord(7, {"x.lr": 0.1, "rule": "lola"}, "finished", {"criterion": 0.5}, plays, retry_of=3)
    write(record, tmp_path)
    assert read(tmp_path, 7) == record
    (tmp_path / "trials" / "00008.json").write_text("{")
    with pytest.raises(ArenaError, match="is not the record of a trial"):
        read_all(tmp_path)


def test_on_the_command_line(quick_cli: Cli) -> None:
    done = quick_cli("sweep", "bilinear", "--vary", "x.lrr=0:1")
    assert (done.returncode, done.stderr) == (2, "arena: unknown setting 'x.lrr': did you mean 'x.lr'?\n")
    words = ("--trials", "9", "--seeds", "2", "--backend", "population", "--turns", "12", "--rule", "extragradient", "--out", "s")
    done = quick_cli("sweep", "bilinear", *words)
    assert done.returncode == 0, done.stderr
    for text in ("PED-ANOVA", "tolerance", "explain", "careful", "replay", "9 of 9"):
        assert text in done.stdout, text
    assert quick_cli("play", "--config", "s/best.yaml").returncode == 0
    assert "9 of 9" in quick_cli("resume", "s").stdout
