"""Measure a game: the arena's turn, a plain loop, the lower bound of both, and the stages of the turn.

All are timed in interleaved chunks within one process, so that disturbances affect all of them; numbers are
medians over the chunks, with quartiles. Every chunk plays the same turns, from the middle of a run, because a game that spirals out or
comes to rest would change during the measurement.
"""

import copy
import dataclasses
import gc
import itertools
import math
import operator
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from arena.accelerate.autocast import multiplications
from arena.bench.baseline_loop import BaselineLoop
from arena.bench.measurement import Measurement, Spread
from arena.bench.recorded_turns import RecordedTurns, record
from arena.bench.stages import Clock, Stages, clock, floor
from arena.config.config import Config
from arena.core.torch_settings import using_threads
from arena.errors import ArenaError, check_number
from arena.runs.display import Silent
from arena.runs.run import Run

ROUNDS = 20
"""Rounds of the measurement: one chunk of each kind per round."""
FEW = 5
"""Number of rounds if more would be too short for a row of the trace."""


def measure(config: Config, seconds: float = 10.0) -> Measurement:
    """Measure a configured game, without leaving files.

    Scores, pictures, checkpoints and diagnostics are left out, because their frequency is a free setting. `seconds` is the total time of
    the chunks, above 0; at least one chunk of each kind is timed.

    Raises:
        BadSetting: `seconds` is out of its range.
        ArenaError: The game diverges within a chunk.

    Example:
        >>> from arena import configure
        >>> found = measure(configure("bilinear", {"scheduler": "alternating"}), seconds=0.2)
        >>> list(found.stages), found.plain, found.floor.middle > 0
        (['sampling', 'field', 'optimizer', 'trace', 'the rest'], True, True)
    """
    check_number("seconds", seconds, above=0)
    config = _bare(config)
    arena = config.build()
    devices = [arena.device] if arena.device.type == "cuda" else []
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            using_threads(config.run.threads),
            multiplications(config.run.tf32),
            torch.random.fork_rng(devices=devices),
        ):
            run = Run(config, arena, Path(folder), Silent())
            run.open()
            try:
                return _Bench(run, seconds).measurement()
            finally:
                run.close()
    except OSError as error:
        where = error.filename or "a temporary file"
        raise ArenaError(f"{where} could not be written ({error.strerror or error}); let TMPDIR name a folder that can be") from error


class _Bench:
    """Times a run from its midpoint."""

    def __init__(self, run: Run, seconds: float):
        self.run, self.arena, self.seconds = run, run.arena, seconds
        arena = self.arena
        self.now: Clock = clock(arena.device)
        self.every = run.every["trace"]
        self.window = min(self.every, 2 * arena.scheduler.period)  # turns before a row whose signals are measured, as in a run
        self.playing = run.turns()
        self._next(1)  # including the evaluations at the start of a run
        self.turns = self._chunk(self._pace())
        # A chunk ends with a row of the trace: it has as many as a run, or one if turns are too slow.
        first = arena.turns // 2 // self.every * self.every + max(0, self.every - self.turns)
        arena.load_state_dict({**copy.deepcopy(arena.state_dict()), "turns_played": first})
        self.baseline = BaselineLoop(arena)
        self.recorded: RecordedTurns = record(arena, self.turns)
        if not any(turn.moves for turn in self.recorded.turns):
            raise ArenaError("no player moves in the middle of the run, where it is measured; choose a scheduler that moves one")
        arena.read_signals()  # so that the first row of a chunk only fetches its own turns
        self.start = copy.deepcopy(arena.state_dict()) | {"turns_played": first}
        self.baseline.play(self.recorded)
        self.start_of_baseline = self.baseline.state_dict()
        self.stages = Stages(arena, self.recorded, self.now)
        windows = [turn % self.every >= self.every - self.window for turn in range(first, first + self.turns)]
        self.blocks = [(sum(1 for _ in block), measured) for measured, block in itertools.groupby(windows)]

    def measurement(self) -> Measurement:
        rounds = self._rounds()
        of = {name: [r[name] for r in rounds] for name in rounds[0]}
        middle = {name: statistics.median(values) for name, values in of.items()}
        stages = {name: middle[name] for name in ("sampling", "field", "optimizer")}
        if "step" in middle:
            stages["the rule"] = max(0.0, middle["step"] - middle["field"] - middle["optimizer"])
        # The timed rows, or the whole slowdown of turns if that is more, because another thread writes events meanwhile.
        lost = statistics.median(map(operator.sub, of["arena"], of["untraced"])) if self.turns >= self.every else 0.0
        stages["trace"] = max(0.0, middle["rows"], lost)
        stages["the rest"] = max(0.0, middle["arena"] - sum(stages.values()))
        against = {name: [time / turn for time, turn in zip(of[name], of["arena"], strict=True)] for name in ("baseline", "floor")}
        return Measurement(
            self.run.config,
            torch.get_num_threads(),
            self.turns,
            len(rounds),
            arena=Spread.of(of["arena"]),
            baseline=Spread.of(of["baseline"]),
            floor=Spread.of(of["floor"]),
            ratio=Spread.of(against["baseline"]),
            share=Spread.of(against["floor"]),
            stages=stages,
            plain=self.recorded.plain,
        )

    def _rounds(self) -> list[dict[str, float]]:
        """Return seconds per turn of all parts by round, until the time is spent."""
        parts: list[Callable[[], dict[str, float]]] = [self._traced, self._baseline, self._floor, self._untraced]
        stages = {name: getattr(self.stages, name) for name in ("sampling", "field", "optimizer")}
        stages |= {} if self.recorded.plain else {"step": self.stages.step}
        parts += [lambda name=name, stage=stage: self._stage(name, stage) for name, stage in stages.items()]  # type: ignore[misc]
        rounds: list[dict[str, float]] = []
        gc.collect()
        began = self.now()
        while True:
            order = parts if len(rounds) % 2 else parts[::-1]  # because the second part may find a warmer cache
            rounds.append({name: time for part in order for name, time in part().items()})
            spent = self.now() - began
            if spent * (len(rounds) + 1) / len(rounds) > self.seconds:
                return rounds[1:] if len(rounds) > FEW else rounds  # the first round is a warm-up

    def _traced(self) -> dict[str, float]:
        self._restore()
        times, turns = {True: 0.0, False: 0.0}, {True: 0, False: 0}
        began = self.now()
        for count, measured in self.blocks:
            self._next(count)
            ended = self.now()
            times[measured] += ended - began
            turns[measured] += count
            began = ended
        if not turns[False]:
            return {"arena": times[True] / self.turns, "rows": 0.0}
        pace = times[False] / turns[False]
        rows = (times[True] - turns[True] * pace) / (math.ceil(self.turns / self.every) * self.every)
        return {"arena": pace + rows, "rows": rows}

    def _untraced(self) -> dict[str, float]:
        self._restore()
        began = self.now()
        for _ in range(self.turns):
            self.arena.play_scheduled_turn()
        return {"untraced": (self.now() - began) / self.turns}

    def _baseline(self) -> dict[str, float]:
        self.baseline.load_state_dict(self.start_of_baseline)
        began = self.now()
        self.baseline.play(self.recorded)
        return {"baseline": (self.now() - began) / self.turns}

    def _floor(self) -> dict[str, float]:
        self.baseline.load_state_dict(self.start_of_baseline)
        return {"floor": floor(self.baseline, self.recorded, self.now) / self.turns}

    def _stage(self, name: str, stage: Callable[[], float]) -> dict[str, float]:
        self._restore()
        return {name: stage() / self.turns}

    def _restore(self) -> None:
        self.arena.load_state_dict(copy.deepcopy(self.start))

    def _next(self, turns: int) -> None:
        """Play the next turns of the run."""
        try:
            for _ in range(turns):
                next(self.playing)
        except StopIteration as over:
            why = self.arena.divergence or over.value
            raise ArenaError(f"{self.run.config.game.name} diverged while it was measured ({why}); lower a learning rate") from None

    def _pace(self) -> float:
        """Return the approximate seconds of a turn."""
        paces = []
        for _ in range(2):
            began, turns = self.now(), self.arena.scheduler.period
            for _ in range(turns):
                self.arena.play_scheduled_turn()
            paces.append((self.now() - began) / turns)
        return min(paces)

    def _chunk(self, pace: float) -> int:
        """Return the turns of a chunk, such that several rounds of all parts fit into the time."""
        fits = self.seconds / (7 * pace)
        fewest = self.window + self.arena.scheduler.period
        wanted = max(fewest, min(fits / ROUNDS, self.arena.turns // 4))
        if wanted >= self.every or fits / FEW >= self.every:
            return max(1, int(wanted / self.every)) * self.every
        return int(wanted)


def _bare(config: Config) -> Config:
    """Return the configuration without evaluations besides the trace, and with enough turns for chunks in the middle."""
    settings = copy.deepcopy(config.settings)
    settings["turns"] = max(settings["turns"], 1000, 4 * settings["trace"]["every"])
    settings["until_solved"] = False
    settings["checkpoint"]["best"] = False
    settings["diagnostics"]["names"] = ()
    for group in ("score", "metrics", "picture", "checkpoint", "diagnostics"):
        settings[group]["every"] = 0
    return dataclasses.replace(config, settings=settings)
