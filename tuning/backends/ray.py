"""The Ray backend: sweeps by Ray Tune, on this machine or on a cluster whose nodes see the sweep's folder.

Optuna chooses the points. A pruned trial is reported to it as pruned, not as complete with its last value. Workers are reused, and a trial
continues from its last rung if its worker or node is killed.
"""

import dataclasses
import functools
import warnings
from pathlib import Path
from typing import Any

from arena.tuning.backends.ray_cluster import connect, first_line  # first, because Ray reads settings when it is imported

# isort: split

import optuna
import ray
from ray import tune
from ray.exceptions import RayTaskError
from ray.tune.schedulers import (
    ASHAScheduler,
    AsyncHyperBandScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)
from ray.tune.search.optuna import OptunaSearch

from arena.errors import RunFailed, Untrusted, typed
from arena.experiments.ledger import TrialRecord, numbers, read, write
from arena.experiments.values import Point
from arena.registry import trust
from arena.tuning.backends.base import Tell
from arena.tuning.backends.ray_trial import NUMBER, OVER, POINTS, VALUE, loaded, number_of, point_of, trial
from arena.tuning.plan import Sweep
from arena.tuning.points import suggested_point
from arena.tuning.samplers import sampler
from arena.tuning.space import Space

RETRIES = 2
"""Number of restarts of a trial by Ray, and of those that Ray gives up by the driver. Ray gives up at once if the same worker is reported
killed twice."""
KEPT = 4
"""Number of checkpoints kept of a trial. Population-based training has lost one of two."""

PICKLES = "backend: ray"
"""Stands for Ray Tune's pickles, as the plan of a sweep names its backend, so that sweeps that are begun here are signed."""
trust.use(PICKLES)

_listeners: list[Tell] = []
"""Functions that take the records of this process's keeper, because Ray pickles the keeper itself."""


def play(sweep: Sweep, folder: Path, workers: int, tell: Tell = lambda record: None) -> None:
    """Play the trials that are left; see `Backend`."""
    _listeners[:] = [tell]
    folder = folder.resolve()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    begun_here = connect(sweep.options.address, workers, sweep.options.gpus)
    try:
        for number in numbers(folder):
            if (ended := read(folder, number)) is not None:
                tell(ended)
        if len(numbers(folder)) >= sweep.count and all(_kept(folder, n) for n in numbers(folder)):
            return
        for _ in range(1 + RETRIES):
            # Ray keeps the error of a trial that was gone on with and came to its end, so it is the records that tell.
            results = _tuner(sweep, folder).fit()
            trials = [results[i] for i in range(len(results))]
            given_up = [(n, result) for result in trials if result.error for n in _without_record(folder, result)]
            for _, result in given_up:
                if isinstance(result.error, RayTaskError):  # the trial itself failed, and would again
                    raise RunFailed(f"{first_line(result.error)}. Fix that, then: arena resume {typed(folder)}")
            if not given_up:
                return
        for number, result in given_up:
            value = float((result.metrics or {}).get(VALUE, sweep.penalty))
            values, reason = dict.fromkeys(sweep.options.objectives, value), "its worker was killed again and again; given up"
            write(TrialRecord(number, _point(sweep, number, result.config or {}), "lost", values, reason=reason, backend="ray"), folder)
    finally:
        if begun_here:
            ray.shutdown()


def _without_record(folder: Path, result: Any) -> list[int]:
    """Return the numbers of a trial's points that have no record."""
    config = result.config or {}
    own = config.get(POINTS) or [number_of(config, Path(result.path).name)]
    return [number for number in own if read(folder, number) is None]


def _kept(folder: Path, number: int) -> bool:
    record = read(folder, number)
    return record is not None and record.status != "lost"


def _tuner(sweep: Sweep, folder: Path) -> tune.Tuner:
    """Return the tuner of a sweep, new or restored after its driver was killed."""
    made = tune.with_resources(tune.with_parameters(trust.as_here(trial), folder=str(folder)), {"cpu": 1, "gpu": sweep.options.gpus})
    path = folder / "ray" / "tune"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if tune.Tuner.can_restore(str(path)):
            if not trust.allows(PICKLES):
                raise Untrusted(
                    f"{path} holds pickles of Ray Tune, and reading them runs code. Fix: if you trust whoever made that folder, add --trust"
                )
            space = _chunks(sweep) if _at_once(sweep) else None
            return tune.Tuner.restore(str(path), trainable=made, resume_unfinished=True, resume_errored=True, param_space=space)
        run = tune.RunConfig(
            name="tune",
            storage_path=str(folder / "ray"),
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            checkpoint_config=tune.CheckpointConfig(num_to_keep=KEPT),
            callbacks=[Keeper(str(folder), sweep.options.objectives)],
            verbose=0,
        )
        many = sweep.options.pruner == "pbt" or not _at_once(sweep)
        config = tune.TuneConfig(
            num_samples=sweep.count if many else 1, search_alg=_search(sweep, folder), scheduler=scheduler(sweep), reuse_actors=True,
            metric=None if sweep.options.pruner == "pbt" else VALUE, mode=None if sweep.options.pruner == "pbt" else "min",
            trial_dirname_creator=_folder_of,
        )  # fmt: skip
        return tune.Tuner(made, param_space=_chunks(sweep) if _at_once(sweep) else _drawn(sweep), tune_config=config, run_config=run)


def _at_once(sweep: Sweep) -> bool:
    return sweep.options.planned


def _chunks(sweep: Sweep) -> dict[str, Any]:
    """Return the points that are known beforehand, split into trials."""
    size = max(1, sweep.options.members)
    count = sweep.count
    return {POINTS: tune.grid_search([list(range(i, min(i + size, count))) for i in range(0, count, size)])}


def _drawn(sweep: Sweep) -> dict[str, Any]:
    return domains(sweep.space) if sweep.options.pruner == "pbt" else {}


def domains(space: Space) -> dict[str, Any]:
    """Return a space as Ray's domains, by name."""
    found: dict[str, Any] = {}
    for d in space.dimensions:
        if d.choices:
            found[d.name] = tune.choice(list(d.choices))
        elif d.whole:
            low, high = int(d.low), int(d.high) + 1
            found[d.name] = tune.lograndint(low, high) if d.log else tune.randint(low, high)
        else:
            found[d.name] = tune.loguniform(d.low, d.high) if d.log else tune.uniform(d.low, d.high)
    return found


def _folder_of(trial: Any) -> str:
    return f"trial-{trial.trial_id}"


def scheduler(sweep: Sweep) -> TrialScheduler:
    """Return a pruner of Ray, whose time is counted in rungs."""
    rungs, time = sweep.options.rungs, "training_iteration"
    match sweep.options.pruner:
        case "median":
            return MedianStoppingRule(time, grace_period=max(1, rungs // 3), min_samples_required=5)
        case "hyperband":
            # HyperBand in its asynchronous form: Ray's other one pauses trials until brackets are full, which a short sweep never fills.
            return AsyncHyperBandScheduler(time_attr=time, max_t=rungs, grace_period=1, reduction_factor=2, brackets=3)
        case "successive-halving":
            return ASHAScheduler(time_attr=time, max_t=rungs, grace_period=max(1, rungs // 4), reduction_factor=2)
        case "pbt":
            numbers_only = Space(tuple(d for d in sweep.space.dimensions if d.numeric))  # words are those of the players that go on
            mutations = domains(numbers_only) | {d.name: list(d.choices) for d in numbers_only.dimensions if d.choices}
            interval = max(1, rungs // 4)
            return PopulationBasedTraining(
                time_attr=time, metric=VALUE, mode="min", perturbation_interval=interval, hyperparam_mutations=mutations
            )
        case _:
            return FIFOScheduler()


def _search(sweep: Sweep, folder: Path) -> "Search | None":
    if _at_once(sweep) or sweep.options.pruner == "pbt":
        return None
    names = list(sweep.options.objectives)
    many = len(names) > 1
    metric, mode = (names, ["min"] * len(names)) if many else (VALUE, "min")
    return Search(space=functools.partial(_suggest, str(folder)), metric=metric, mode=mode, sampler=sampler(sweep.options))


def _suggest(folder: str, asked: Any) -> None:
    """Suggest a point; Ray takes the values from the trial."""
    sweep = loaded(folder)
    suggested_point(asked, sweep.space, sweep.configs)


class Search(OptunaSearch):
    """Ray's OptunaSearch that also numbers trials, and separates pruned trials from finished ones."""

    begun = 0

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        point = super().suggest(trial_id)
        if point is not None:
            point[NUMBER] = self.begun
            self.begun += 1
        return point

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        whole = result is not None and result.get(OVER)
        super().on_trial_complete(trial_id, result if whole else None, error)


class Keeper(tune.Callback):
    """Writes the records of pruned trials, and marks those that were restarted.

    Args:
        folder: of the sweep.
        objectives: of it.
    """

    def __init__(self, folder: str, objectives: tuple[str, ...]):
        self.folder, self.objectives = folder, objectives

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        folder = Path(self.folder)
        if POINTS in trial.config:
            for number in trial.config[POINTS]:
                if (record := read(folder, number)) is not None:
                    self._tell(record, trial)
            return
        number = number_of(trial.config, trial.trial_id)
        record = read(folder, number)
        if record is None:
            value = float((trial.last_result or {}).get(VALUE, 0.0))
            point = _point(loaded(self.folder), number, trial.config)
            record = TrialRecord(number, point, "pruned", dict.fromkeys(self.objectives, value), backend="ray")
            write(record, folder)
        self._tell(record, trial)

    def _tell(self, record: TrialRecord, trial: Any) -> None:
        """Mark a trial that was restarted, and report it."""
        if trial.num_failures and not record.resumed:
            record = dataclasses.replace(record, resumed=trial.num_failures)
            write(record, Path(self.folder))
        for tell in _listeners:
            tell(record)


def _point(sweep: Sweep, number: int, config: dict[str, Any]) -> Point:
    return sweep.points[number] if POINTS in config else point_of(sweep, config)
