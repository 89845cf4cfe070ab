"""Plays points that are known beforehand as populations, in one process: the seeds of many points are members trained at once."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arena.config.config import Config
from arena.core.field.members import CannotShare
from arena.core.torch_settings import using_threads
from arena.errors import ArenaError, RunFailed
from arena.experiments.ledger import Play, Record, numbers, read, write
from arena.experiments.populations import Looked, Outcome, populations, together
from arena.experiments.values import Point
from arena.runs.processes import signals_interrupt
from arena.tuning.objective import Alone, impossible, record_of, watch_of
from arena.tuning.plan import Sweep
from arena.tuning.watch import Judged, Watch

Tell = Callable[[Record], None]
AT_ONCE = 1024
"""Runs of one go where nothing else is asked for: those that have ended are kept when the sweep is stopped in the next one."""


def play(sweep: Sweep, folder: Path, workers: int, tell: Tell = lambda record: None) -> None:
    """Play what has not been played.

    Args:
        sweep: it.
        folder: of it.
        workers: is not used: a population is one process.
        tell: called with each trial that has ended.

    Raises:
        RunFailed: where a disk is full; what was played is kept.
        KeyboardInterrupt: after Ctrl-C.
    """
    there = set(numbers(folder))
    for number in sorted(there):
        if (ended := read(folder, number)) is not None:
            tell(ended)
    left = [(number, point) for number, point in enumerate(sweep.points) if number not in there]
    size = sweep.options.members or max(1, AT_ONCE // len(sweep.options.seeds))
    try:
        with signals_interrupt():
            for begin in range(0, len(left), size):
                for record in play_points(sweep, left[begin : begin + size]):
                    write(record, folder)
                    tell(record)
    except OSError as error:
        where = error.filename or f"a file in {folder}"
        raise RunFailed(
            f"the sweep stopped because {where} could not be written ({error.strerror}); mend that and type: arena resume {folder}"
        ) from error


def play_points(sweep: Sweep, points: Sequence[tuple[int, Point]]) -> list[Record]:
    """Play points with all their seeds, in as few populations as can be.

    Args:
        sweep: they belong to.
        points: each with its number.
    """
    began = time.perf_counter()
    configs: list[Config] = []
    records: dict[int, Record] = {}
    runs: dict[int, list[int]] = {}
    for number, point in points:
        try:
            own = [sweep.config(point, seed) for seed in sweep.options.seeds]
            own[0].parts()
        except ArenaError as error:
            records[number] = impossible(sweep, number, point, str(error))
            continue
        runs[number] = [len(configs) + i for i in range(len(own))]
        configs += own
    plays: dict[int, Play] = {}
    playing = 0.0
    sorted_ = populations(configs, every=sweep.every) if configs else None
    for group in sorted_.groups if sorted_ is not None else ():
        own, begun = [configs[i] for i in group.indices], time.perf_counter()
        with using_threads(own[0].run.threads):
            plays |= dict(zip(group.indices, _play(sweep, own, group.alone is None), strict=True))
        playing += time.perf_counter() - begun
    seconds = time.perf_counter() - began
    each: dict[str, Any] = {"seconds": seconds / len(points), "overhead": (seconds - playing) / len(points)}
    for number, point in points:
        if number in runs:
            records[number] = record_of(sweep, number, point, [plays[i] for i in runs[number]], **each)
    return [records[number] for number, _ in points]


def _play(sweep: Sweep, configs: Sequence[Config], shared: bool) -> list[Play]:
    if shared:
        try:
            return _play_together(sweep, configs)
        except CannotShare:
            pass
    runs = [Alone(sweep, config) for config in configs]
    for run in runs:
        run.advance(1.0)
    return [run.over or run.given_up() for run in runs]


def _play_together(sweep: Sweep, configs: Sequence[Config]) -> list[Play]:
    playing = together(configs, sweep.every, criteria=True)
    watches: list[Watch] = []
    stops: Mapping[int, str] | None = None
    try:
        looked = next(playing)
        while True:
            if not watches:
                starts = looked.population.scores.copy()
                watches = [watch_of(sweep, looked.population.game, config.run.seed) for config in configs]
                for watch, score in zip(watches, starts, strict=True):
                    watch.begin(float(score))
            stops = _look(watches, looked)
            looked = playing.send(stops)
    except StopIteration as over:
        outcomes: list[Outcome] = over.value
    if not watches:
        watches = [watch_of(sweep, configs[0].example(), config.run.seed) for config in configs]
    return [watch.end(outcome) for watch, outcome in zip(watches, outcomes, strict=True)]


def _look(watches: Sequence[Watch], looked: Looked) -> dict[int, str]:
    """Look at all members that are being played; returns which are to be stopped, and why."""
    population, stops = looked.population, {}
    turns, budgets = population.turns_played, population.budgets
    live = [m for m in range(len(watches)) if not population.over[m]]
    due = {m for m in live if watches[m].due(turns[m] / budgets[m])}
    scores, criteria = population.measure_criteria() if due else (np.zeros(0), np.zeros(0))
    for m in live:
        values = {name: float(v[m]) for name, v in looked.values.items()}
        judged = Judged(int(turns[m]), float(scores[m]), float(criteria[m])) if m in due else None
        why = watches[m].look(int(turns[m]), float(turns[m] / budgets[m]), values, judged)
        if why is not None:
            stops[m] = why
    return stops
