"""The population backend: points known beforehand are played in one process, and the seeds of many points are members trained at once."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.config.config import Config
from arena.core.field.members import CannotShare
from arena.errors import ArenaError, GameFault
from arena.experiments.ledger import SeedResult, TrialRecord, numbers, read, write
from arena.experiments.populations import populations
from arena.experiments.values import Point
from arena.runs.folders import disk_errors
from arena.runs.signals import signals_interrupt
from arena.tuning.backends.base import Tell
from arena.tuning.objective import TrialRuns, impossible, record_of
from arena.tuning.plan import Sweep

AT_ONCE = 1024
"""Number of runs between two writes of the ledger. An interrupted sweep keeps those that were written."""


def play(sweep: Sweep, folder: Path, workers: int, tell: Tell = lambda record: None) -> None:
    """Play the trials that are left; see `Backend`."""
    there = set(numbers(folder))
    for number in sorted(there):
        if (ended := read(folder, number)) is not None:
            tell(ended)
    left = [(number, point) for number, point in enumerate(sweep.points) if number not in there]
    size = sweep.options.members or max(1, AT_ONCE // len(sweep.options.seeds))
    with disk_errors("the sweep", folder), signals_interrupt():
        for begin in range(0, len(left), size):
            for record in play_points(sweep, left[begin : begin + size]):
                write(record, folder)
                tell(record)


def play_points(sweep: Sweep, points: Sequence[tuple[int, Point]]) -> list[TrialRecord]:
    """Play points with all their seeds, in as few populations as can be.

    Args:
        sweep: they belong to.
        points: each with its number.
    """
    began = time.perf_counter()
    configs: list[Config] = []
    records: dict[int, TrialRecord] = {}
    runs: dict[int, list[int]] = {}
    for number, point in points:
        try:
            own = [sweep.config(point, seed) for seed in sweep.options.seeds]
            own[0].parts()
        except ArenaError as error:
            records[number] = impossible(sweep, number, point, error)
            continue
        runs[number] = [len(configs) + i for i in range(len(own))]
        configs += own
    plays: dict[int, SeedResult] = {}
    playing = 0.0
    sorted_ = populations(configs, every=sweep.every) if configs else None
    for group in sorted_.groups if sorted_ is not None else ():
        own, begun = [configs[i] for i in group.indices], time.perf_counter()
        plays |= dict(zip(group.indices, _play(sweep, own, group.alone is None), strict=True))
        playing += time.perf_counter() - begun
    seconds = time.perf_counter() - began
    each: dict[str, Any] = {"seconds": seconds / len(points), "overhead": (seconds - playing) / len(points)}
    for number, point in points:
        if number in runs:
            records[number] = record_of(sweep, number, point, [plays[i] for i in runs[number]], **each)
    return [records[number] for number, _ in points]


def _play(sweep: Sweep, configs: Sequence[Config], shared: bool) -> list[SeedResult]:
    if shared:
        together = TrialRuns(sweep, configs)
        with contextlib.suppress(CannotShare, GameFault):  # alone, each run has its own reason
            together.advance()
            return [monitor.latest for monitor in together.monitors]
    runs = [TrialRuns(sweep, [config]) for config in configs]
    for run in runs:
        run.advance()
    return [run.latest for run in runs]
