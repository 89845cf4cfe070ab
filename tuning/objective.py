"""The objective of a sweep: play one point with each of its seeds, and return its value.

The seeds are played side by side and judged together at every rung, or one after the other if the pruner compares points seed by seed.
The value is a quantile over the seeds. A point is stopped once its value is settled, because alarms have stopped enough of its seeds.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from arena.config.config import Config
from arena.errors import ArenaError, RunFailed
from arena.experiments.ledger import SeedResult, TrialRecord
from arena.experiments.playing import Look, Single, play_single
from arena.experiments.values import Point
from arena.tuning.plan import Sweep
from arena.tuning.watch import RungResult, TrialMonitor

Report = Callable[[int, float], bool]
"""Takes a step, from 1, and the value there; returns whether to prune the trial."""


class TrialRun:
    """One run that is played by itself, rung by rung.

    Args:
        sweep: the sweep that it belongs to.
        config: its configuration.
        state: of its arena and its history, as `state` returned it; None begins.
    """

    def __init__(self, sweep: Sweep, config: Config, state: Mapping[str, Any] | None = None):
        self.sweep = sweep
        self.monitor: TrialMonitor | None = None
        self._config, self._seed, self._state = config, config.run.seed, state
        self._result: SeedResult | None = None if state is None else state["play"]
        self._playing = play_single(config, sweep.every, criteria=True, state=None if state is None else state["arena"])
        self._look: Look | None = None
        self._stops: Mapping[int, str] = {}

    def advance(self, progress: float) -> None:
        """Play on to that progress, in (0, 1], or to the end."""
        while self.over is None:
            try:
                self._look = next(self._playing) if self._look is None else self._playing.send(self._stops)
            except StopIteration as ended:
                self._watching(self._look).end(ended.value[0])
                return
            monitor = self._watching(self._look)
            rungs = len(monitor.history)
            self._stops = look_at([monitor], self._look)
            judged = len(monitor.history) > rungs
            if judged and not self._stops and len(monitor.history) - 1 >= round(progress * monitor.rungs) and progress < 1:
                return

    @property
    def over(self) -> SeedResult | None:
        """Its result, once it has ended."""
        return self._result or (self.monitor.result if self.monitor is not None else None)

    def given_up(self) -> SeedResult:
        """Return the partial result of a stopped run."""
        return (
            self.monitor.pruned()
            if self.monitor is not None
            else SeedResult(self._seed, "pruned", self.sweep.penalty, None, 0, "unfinished")
        )

    @property
    def latest(self) -> float:
        """Its value at this moment."""
        return self.over.value if self.over is not None else self.monitor.latest if self.monitor is not None else self.sweep.penalty

    def state(self) -> dict[str, Any]:
        """The state from which another process can continue, between two rungs."""
        if self.over is not None:
            return {"arena": None, "play": self.over}
        assert self._look is not None and isinstance(self._look.env, Single) and self.monitor is not None
        alarms = self.monitor.alarms.state_dict()
        return {"arena": self._look.env.arena.state_dict(), "history": self.monitor.history, "alarms": alarms, "play": None}

    def _watching(self, look: Look | None) -> TrialMonitor:
        if self.monitor is None:
            game = look.env.game if look is not None else self._config.example()
            self.monitor = monitor_of(self.sweep, game, self._seed)
            if self._state is not None:
                self.monitor.history = [RungResult(*judged) for judged in self._state["history"]]
                self.monitor.alarms.load_state_dict(self._state["alarms"])
            else:
                self.monitor.begin(float(look.env.scores[0]) if look is not None else math.nan)
        return self.monitor


def look_at(monitors: Sequence[TrialMonitor], look: Look) -> dict[int, str]:
    """Let each monitor look at its member; return the reason for each member that is to be stopped."""
    turns, progress = look.turns, look.turns / look.env.budgets
    due = {member for member in look.live if monitors[member].due(progress[member])}
    scores, criteria = look.env.measure_criteria() if due else (np.zeros(0), np.zeros(0))
    stops = {}
    for member in look.live:
        values = {name: float(v[member]) for name, v in look.values.items()}
        judged = RungResult(int(turns[member]), float(scores[member]), float(criteria[member])) if member in due else None
        why = monitors[member].look(int(turns[member]), float(progress[member]), values, judged)
        if why is not None:
            stops[member] = why
    return stops


def monitor_of(sweep: Sweep, game: Any, seed: int) -> TrialMonitor:
    """Return the monitor of a run of a sweep."""
    return TrialMonitor(game, seed, sweep.alarms, sweep.fatal, sweep.options.rungs, sweep.untrained, sweep.ceiling)


def evaluate(sweep: Sweep, number: int, point: Point, report: Report = lambda step, value: False, **said: Any) -> TrialRecord:
    """Play a point; return its record, in which every value is finite.

    Args:
        sweep: the sweep that it belongs to.
        number: of its trial.
        point: the value of every dimension.
        report: called at every rung; returns True to prune the trial.
        said: further fields of the record.
    """
    began, clock = time.perf_counter(), Stopwatch()
    try:
        runs = [TrialRun(sweep, sweep.config(point, seed)) for seed in sweep.options.seeds]
        pruned = play(sweep, runs, report, clock)
    except RunFailed:
        raise
    except ArenaError as error:  # values that do not go together
        return impossible(sweep, number, point, str(error), **said)
    plays = [run.over or run.given_up() for run in runs]
    seconds = time.perf_counter() - began
    return record_of(sweep, number, point, plays, pruned, seconds=seconds, overhead=seconds - clock.seconds, **said)


def play(sweep: Sweep, runs: Sequence[TrialRun], report: Report, clock: "Stopwatch | None" = None, first: int = 1) -> bool:
    """Play runs to their ends; return whether they were pruned.

    Args:
        sweep: the sweep that they belong to.
        runs: one for each seed.
        report: called at every rung; returns True to prune the trial.
        clock: counts the seconds in which they are played.
        first: the rung at which they begin.
    """
    clock = clock or Stopwatch()
    if sweep.options.by_seed:
        for step, run in enumerate(runs, 1):
            with clock.running():
                run.advance(1.0)
            if report(step, run.latest):
                return True
        return False
    rungs = sweep.options.rungs
    for rung in range(first, rungs + 1):
        for run in runs:
            with clock.running():
                run.advance(rung / rungs)
        if report(rung, quantile([run.latest for run in runs], sweep.options.quantile)) and any(run.over is None for run in runs):
            return True
        if settled(sweep, [run.over for run in runs]):
            return False
    return False


def settled(sweep: Sweep, plays: Sequence[SeedResult | None]) -> bool:
    """Whether the value of a point no longer depends on the seeds that are still in play."""
    best, worst = ([other if play is None else play.value for play in plays] for other in (-math.inf, sweep.penalty))
    return quantile(best, sweep.options.quantile) == quantile(worst, sweep.options.quantile)


def quantile(values: Sequence[float], which: float) -> float:
    """Return the least value that a share of the values does not exceed; between two values their mean, as for the median.

    Example:
        >>> quantile([3.0, 1.0, 2.0, 9.0], 0.5), quantile([3.0, 1.0, 2.0, 9.0], 0.9), quantile([1.0], 0.0)
        (2.5, 9.0, 1.0)
    """
    ranked, place = sorted(values), round(which * len(values), 9)
    return (ranked[max(0, math.ceil(place) - 1)] + ranked[min(len(ranked) - 1, math.floor(place))]) / 2


def record_of(sweep: Sweep, number: int, point: Point, plays: Sequence[SeedResult], pruned: bool = False, **said: Any) -> TrialRecord:
    """A trial's record from its runs."""
    cost = sum(play.turns for play in plays) * sweep.cost_per_turn(sweep.config(point, sweep.options.seeds[0]))
    values = dict(_values(sweep, plays, cost, said.get("seconds", 0.0)))
    return TrialRecord(
        number, point, "pruned" if pruned else "finished", values, tuple(plays), backend=sweep.options.backend, cost=cost, **said
    )


def impossible(sweep: Sweep, number: int, point: Point, reason: str, **said: Any) -> TrialRecord:
    """The record of a point that cannot be played."""
    values = {name: 0.0 if name in ("cost", "seconds") else sweep.penalty for name in sweep.options.objectives}
    return TrialRecord(number, point, "undefined", values, reason=reason, backend=sweep.options.backend, **said)


def _values(sweep: Sweep, plays: Sequence[SeedResult], cost: float, seconds: float) -> Iterator[tuple[str, float]]:
    which, penalty = sweep.options.quantile, sweep.penalty
    for name in sweep.options.objectives:
        if name == "criterion":
            yield name, quantile([play.value for play in plays], which)
        elif name == "score":
            yield name, quantile([play.value if play.score is None or play.stopped else min(play.score, penalty) for play in plays], which)
        elif name == "spread":
            yield name, float(np.ptp([play.value for play in plays]))
        else:
            yield name, cost if name == "cost" else seconds


class Stopwatch:
    """Seconds spent in the runs themselves."""

    seconds = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """While inside, it runs."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began
