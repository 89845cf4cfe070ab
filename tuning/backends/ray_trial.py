"""One trial of Ray Tune: a point played rung by rung with a checkpoint at each, or many points at once as members of populations.

A trial whose worker is killed goes on from its last rung in another one. Under population-based training it may be told at a rung to go on
from another trial's players with settings of its own; what it played with when is kept in `pbt/00007.jsonl`.
"""

import functools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from ray import tune

from arena.config.config import Config
from arena.experiments.ledger import TrialRecord, numbers, read, write
from arena.experiments.values import Point
from arena.tuning.backends.population import play_points
from arena.tuning.objective import TrialRuns, evaluate
from arena.tuning.plan import Sweep, load

POINTS, NUMBER, VALUE, OVER = "points", "number", "value", "over"
STATE = "runs.pt"


def trial(config: dict[str, Any], folder: str) -> None:
    """Play a trial; Ray calls this in a worker.

    Args:
        config: values by setting, and the trial's number; or under `points` the numbers of points that are known beforehand.
        folder: of the sweep.
    """
    torch.set_num_threads(1)
    sweep, where = loaded(folder), Path(folder)
    if POINTS in config:
        there, points = set(numbers(where)), sweep.points
        left = [number for number in config[POINTS] if number not in there]
        for record in play_points(sweep, [(n, points[n]) for n in left]) if left else ():
            write(record, where)
        values = [found.value for n in config[POINTS] if (found := read(where, n)) is not None]
        tune.report({VALUE: min(values), OVER: True})
        return
    number = number_of(config, tune.get_context().get_trial_id())
    there_already = read(where, number)
    if there_already is not None and sweep.options.pruner != "pbt":
        record = there_already
    else:
        record = _play(sweep, where, number, point_of(sweep, config))
        write(record, where)
    tune.report({VALUE: record.value, OVER: True, **record.values})


@functools.lru_cache(maxsize=2)
def loaded(folder: str) -> Sweep:
    """Return the sweep of a folder, loaded once in each process."""
    return load(folder)


def point_of(sweep: Sweep, config: dict[str, Any]) -> Point:
    """Return the point of a trial from the values that Ray gives to it."""
    return sweep.configs.active({name: config[name] for name in sweep.space.names if name in config})


def number_of(config: dict[str, Any], trial_id: str) -> int:
    """Return a trial's number: from the search, else from the identifier of Ray.

    Example:
        >>> number_of({}, "1f3ab_00007"), number_of({"number": 3}, "5797b510")
        (7, 3)
    """
    return int(config.get(NUMBER, trial_id.rpartition("_")[2]))


def _play(sweep: Sweep, folder: Path, number: int, point: Point) -> TrialRecord:
    state, pbt = _restored(), sweep.options.pruner == "pbt"

    def restore(configs: Sequence[Config]) -> Sequence[dict[str, Any] | None]:
        states = state["runs"] if state is not None else [None] * len(configs)
        for config, own in zip(configs, states, strict=True) if state is not None and state["point"] != point else ():
            _with_own_settings(config, own)
        return states

    def report(rung: int, value: float, runs: Sequence[TrialRuns]) -> bool:
        if pbt:
            _trace(folder, number, {"rung": rung, "value": value, **point, "went_on": state is not None})
        if rung < sweep.options.rungs:
            _checkpoint({"rung": rung, "point": point, "runs": [run.state() for run in runs]}, value)
        return False

    first = 1 if state is None else state["rung"] + 1
    return evaluate(sweep, number, point, report, restore, first, resumed=int(state is not None and not pbt))


def _restored() -> dict[str, Any] | None:
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        state: dict[str, Any] = torch.load(Path(folder) / STATE, weights_only=True)
    return state


def _checkpoint(state: dict[str, Any], value: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        torch.save(state, Path(folder) / STATE)
        tune.report({VALUE: value, OVER: False}, checkpoint=tune.Checkpoint.from_directory(folder))


def _with_own_settings(config: Any, state: dict[str, Any]) -> None:
    """Set the rates and betas of this trial in the optimizer states of another."""
    if state["arena"] is None:
        return
    arena = config.build()
    arena.reset(seed=config.run.seed)
    for role, own in arena.state_dict()["optimizers"].items():
        for theirs, fresh in zip(state["arena"]["optimizers"][role]["param_groups"], own["param_groups"], strict=True):
            theirs |= {name: value for name, value in fresh.items() if name != "params"}


def _trace(folder: Path, number: int, row: dict[str, Any]) -> None:
    path = folder / "pbt" / f"{number:05d}.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
