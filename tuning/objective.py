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
from arena.experiments.outcome import Outcome
from arena.experiments.playing import Look, Single, computing, play_members, play_single
from arena.experiments.values import Point
from arena.experiments.verdict import Verdict
from arena.runs.status import Status, status_of_error
from arena.tuning.plan import Sweep
from arena.tuning.watch import RungResult, TrialMonitor


class TrialRuns:
    """Runs that are played together, from rung to rung: one by itself, or several as a population.

    Args:
        sweep: the sweep that they belong to.
        configs: their configurations.
        state: of a run by itself, as `state` returned it; None begins.
    """

    def __init__(self, sweep: Sweep, configs: Sequence[Config], state: Mapping[str, Any] | None = None):
        self.sweep, self.monitors = sweep, list[TrialMonitor]()
        self._configs, self._state, before = configs, state, state or {"arena": None, "play": None}
        self._result: SeedResult | None = before["play"]
        alone = play_single(configs[0], sweep.every, criteria=True, state=before["arena"])
        self._playing = alone if len(configs) == 1 else play_members(configs, sweep.every, criteria=True)
        self._look: Look | None = None
        self._stops: Mapping[int, str] = {}

    def advance(self, progress: float = 1.0) -> None:
        """Play on to that progress, in (0, 1], or to the end.

        Raises:
            CannotShare: if the runs do not fit together.
        """
        with computing(self._configs[0]):
            self._advance(progress)

    def _advance(self, progress: float) -> None:
        while self.over is None:
            try:
                self._look = next(self._playing) if self._look is None else self._playing.send(self._stops)
            except StopIteration as ended:
                outcomes: list[Outcome] = ended.value
                if self._look is None and outcomes[0].gone:  # there is no game to watch
                    self._result = SeedResult.of(self._configs[0].run.seed, outcomes[0], outcomes[0].status, self.sweep.penalty)
                    return
                for monitor, outcome in zip(self._watching(self._look), outcomes, strict=True):
                    monitor.end(outcome)
                return
            monitors = self._watching(self._look)
            rungs = len(monitors[0].history)
            self._stops = look_at(monitors, self._look)
            judged = len(monitors[0].history) > rungs and not self._stops
            if judged and progress < 1 and len(monitors[0].history) - 1 >= round(progress * self.sweep.options.rungs):
                return

    @property
    def over(self) -> SeedResult | None:
        """The result of the first run, once it has ended."""
        return self._result or (self.monitors[0].result if self.monitors else None)

    @property
    def latest(self) -> SeedResult:
        """The result of the first run, or what there is of it."""
        if self.monitors or self._result:
            return self._result or self.monitors[0].latest
        return SeedResult(self._configs[0].run.seed, "pruned", self.sweep.penalty, None, 0, Verdict.UNFINISHED)

    def state(self) -> dict[str, Any]:
        """The state from which another process can continue a run by itself, between two rungs."""
        if self.over is not None:
            return {"arena": None, "play": self.over}
        assert self._look is not None and isinstance(self._look.env, Single)
        alarms = self.monitors[0].alarms.state_dict()
        history = [(int(turn), float(score), float(criterion)) for turn, score, criterion in self.monitors[0].history]
        return {"arena": self._look.env.arena.state_dict(), "history": history, "alarms": alarms, "play": None}

    def _watching(self, look: Look | None) -> list[TrialMonitor]:
        if not self.monitors:
            game = look.env.game if look is not None else self._configs[0].example()
            self.monitors = [TrialMonitor(self.sweep, game, config.run.seed) for config in self._configs]
            for member, monitor in enumerate(self.monitors):
                if self._state is None:
                    monitor.begin(float(look.env.scores[member]) if look is not None else math.nan)
                else:
                    monitor.history = [RungResult(*judged) for judged in self._state["history"]]
                    monitor.alarms.load_state_dict(self._state["alarms"])
        return self.monitors


Report = Callable[[int, float, Sequence[TrialRuns]], bool]
"""Takes a step, from 1, the value there, and the run of each seed; returns whether to prune the trial."""
Restore = Callable[[Sequence[Config]], Sequence[Mapping[str, Any] | None]]
"""Takes the configuration of each seed; returns the state from which its run continues, or None."""


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


def evaluate(
    sweep: Sweep,
    number: int,
    point: Point,
    report: Report = lambda step, value, runs: False,
    restore: Restore = lambda configs: [None] * len(configs),
    first: int = 1,
    **said: Any,
) -> TrialRecord:
    """Play a point; return its record, in which every value is finite.

    Args:
        sweep: the sweep that it belongs to.
        number: of its trial.
        point: the value of every dimension.
        report: called at every rung.
        restore: called once before the runs begin.
        first: the rung at which they begin.
        said: further fields of the record.
    """
    began, clock = time.perf_counter(), Stopwatch()
    try:
        configs = [sweep.config(point, seed) for seed in sweep.options.seeds]
        runs = [TrialRuns(sweep, [config], state) for config, state in zip(configs, restore(configs), strict=True)]
        pruned = play(sweep, runs, report, clock, first)
    except RunFailed:
        raise
    except ArenaError as error:  # values that do not go together, or that the game cannot take
        return impossible(sweep, number, point, error, **said)
    seconds = time.perf_counter() - began
    timed = {"seconds": seconds, "overhead": seconds - clock.seconds}
    return record_of(sweep, number, point, [run.latest for run in runs], pruned, **timed, **said)


def play(sweep: Sweep, runs: Sequence[TrialRuns], report: Report, clock: "Stopwatch", first: int) -> bool:
    """Play the run of each seed to its end; return whether they were pruned.

    Args:
        sweep: the sweep that they belong to.
        runs: one for each seed.
        report: called at every rung.
        clock: counts the seconds in which they are played.
        first: the rung at which they begin.
    """
    if sweep.options.by_seed:
        for step, run in enumerate(runs, 1):
            with clock.running():
                run.advance()
            if report(step, run.latest.value, runs):
                return True
        return False
    rungs = sweep.options.rungs
    for rung in range(first, rungs + 1):
        for run in runs:
            with clock.running():
                run.advance(rung / rungs)
        value = quantile([run.latest.value for run in runs], sweep.options.quantile)
        if report(rung, value, runs) and any(run.over is None for run in runs):
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
    """A trial's record from its runs; it has failed if one of them has."""
    cost = sum(play.turns for play in plays) * sweep.cost_per_turn(sweep.config(point, sweep.options.seeds[0]))
    values = dict(_values(sweep, plays, cost, said.get("seconds", 0.0)))
    failed = next((f"seed {play.seed}: {play.reason}" for play in plays if play.status == "failed"), "")
    status: Status = "failed" if failed else "pruned" if pruned else "finished"
    return TrialRecord(number, point, status, values, tuple(plays), failed, backend=sweep.options.backend, cost=cost, **said)


def impossible(sweep: Sweep, number: int, point: Point, error: ArenaError, **said: Any) -> TrialRecord:
    """The record of a point that cannot be played."""
    values = {name: 0.0 if name in ("cost", "seconds") else sweep.penalty for name in sweep.options.objectives}
    return TrialRecord(number, point, status_of_error(error), values, reason=str(error), backend=sweep.options.backend, **said)


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
