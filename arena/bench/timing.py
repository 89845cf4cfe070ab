"""Measures a game: the arena's turn, the loop by hand, the floor beneath both, and the stages of the turn.

All are timed in turns, chunk by chunk, within one process, so that what the machine does meanwhile falls on all of them; numbers are
medians over the chunks, with quartiles. Every chunk plays the same turns, from the middle of a run, so that a game that spirals out or
comes to rest does not become another one while it is measured.
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
from arena.bench.baseline_loop import ByHand
from arena.bench.measurement import Measurement, Spread
from arena.bench.recorded_turns import Script, record
from arena.bench.stages import Clock, Stages, clock, floor
from arena.config.config import Config
from arena.core.torch_settings import using_threads
from arena.errors import ArenaError, check_number
from arena.runs.display import Silent
from arena.runs.run import Run

ROUNDS = 20
"""Rounds that the time is divided into: one chunk of everything that is measured makes a round."""
FEW = 5
"""Rounds that are enough where each would otherwise be too short to hold a row of the trace."""


def measure(config: Config, seconds: float = 10.0) -> Measurement:
    """Measure a game as it is configured; leaves nothing behind.

    Scores, pictures, checkpoints and diagnostics are left out, since they come as rarely as one likes.

    Args:
        config: what `arena.configure` gives.
        seconds: how long the chunks may take together, above 0; at least one chunk of each is timed.

    Raises:
        BadSetting: for `seconds` out of its range.
        ArenaError: where the game diverges within a chunk.

    Example:
        >>> from arena import configure
        >>> found = measure(configure("bilinear", {"scheduler": "alternating"}), seconds=0.2)
        >>> list(found.stages), found.plain, found.floor.middle < found.arena.middle
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
    """One run, brought to its middle, and what is timed there."""

    def __init__(self, run: Run, seconds: float):
        self.run, self.arena, self.seconds = run, run.arena, seconds
        arena = self.arena
        self.now: Clock = clock(arena.device)
        self.every = run.every["trace"]
        self.window = min(self.every, 2 * arena.scheduler.period)  # turns before a row that are measured, as in a run
        self.playing = run.turns()
        self._next(1)  # with what a run looks at when it begins
        self.turns = self._chunk(self._pace())
        # A chunk ends with a row of the trace: it has as many as a run has, or, where turns are too slow for that, one.
        first = arena.turns // 2 // self.every * self.every + max(0, self.every - self.turns)
        arena.load_state_dict({**copy.deepcopy(arena.state_dict()), "turns_played": first})
        self.by_hand = ByHand(arena)
        self.script: Script = record(arena, self.turns)
        if not any(line.moves for line in self.script.lines):
            raise ArenaError("nobody moves in the middle of the run, where it is measured; let the scheduler move somebody")
        arena.read_signals()  # so that the first row of a chunk has to fetch its own turns only
        self.start = copy.deepcopy(arena.state_dict()) | {"turns_played": first}
        self.by_hand.play(self.script)
        self.start_by_hand = self.by_hand.state_dict()
        self.stages = Stages(arena, self.script, self.now)
        windows = [turn % self.every >= self.every - self.window for turn in range(first, first + self.turns)]
        self.blocks = [(sum(1 for _ in block), measured) for measured, block in itertools.groupby(windows)]

    def measurement(self) -> Measurement:
        rounds = self._rounds()
        of = {name: [r[name] for r in rounds] for name in rounds[0]}
        middle = {name: statistics.median(values) for name, values in of.items()}
        stages = {name: middle[name] for name in ("sampling", "field", "optimizer")}
        if "step" in middle:
            stages["the rule"] = max(0.0, middle["step"] - middle["field"] - middle["optimizer"])
        # Its rows as they were timed, or, where that is more, all that turns lose by it: a thread of its own writes events meanwhile.
        lost = statistics.median(map(operator.sub, of["arena"], of["untraced"])) if self.turns >= self.every else 0.0
        stages["trace"] = max(0.0, middle["rows"], lost)
        stages["the rest"] = max(0.0, middle["arena"] - sum(stages.values()))
        against = {name: [time / turn for time, turn in zip(of[name], of["arena"], strict=True)] for name in ("by hand", "floor")}
        return Measurement(
            self.run.config,
            torch.get_num_threads(),
            self.turns,
            len(rounds),
            arena=Spread.of(of["arena"]),
            by_hand=Spread.of(of["by hand"]),
            floor=Spread.of(of["floor"]),
            ratio=Spread.of(against["by hand"]),
            share=Spread.of(against["floor"]),
            stages=stages,
            plain=self.script.plain,
        )

    def _rounds(self) -> list[dict[str, float]]:
        """Seconds per turn of everything, round by round, until the time is spent."""
        parts: list[Callable[[], dict[str, float]]] = [self._traced, self._by_hand, self._floor, self._untraced]
        stages = {name: getattr(self.stages, name) for name in ("sampling", "field", "optimizer")}
        stages |= {} if self.script.plain else {"step": self.stages.step}
        parts += [lambda name=name, stage=stage: self._stage(name, stage) for name, stage in stages.items()]  # type: ignore[misc]
        rounds: list[dict[str, float]] = []
        gc.collect()
        began = self.now()
        while True:
            order = parts if len(rounds) % 2 else parts[::-1]  # whoever goes second may find a warmer cache
            rounds.append({name: time for part in order for name, time in part().items()})
            spent = self.now() - began
            if spent * (len(rounds) + 1) / len(rounds) > self.seconds:
                return rounds[1:] if len(rounds) > FEW else rounds  # the first one warms up

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

    def _by_hand(self) -> dict[str, float]:
        self.by_hand.load_state_dict(self.start_by_hand)
        began = self.now()
        self.by_hand.play(self.script)
        return {"by hand": (self.now() - began) / self.turns}

    def _floor(self) -> dict[str, float]:
        self.by_hand.load_state_dict(self.start_by_hand)
        return {"floor": floor(self.by_hand, self.script, self.now) / self.turns}

    def _stage(self, name: str, stage: Callable[[], float]) -> dict[str, float]:
        self._restore()
        return {name: stage() / self.turns}

    def _restore(self) -> None:
        self.arena.load_state_dict(copy.deepcopy(self.start))

    def _next(self, turns: int) -> None:
        """The next turns of the run."""
        try:
            for _ in range(turns):
                next(self.playing)
        except StopIteration as over:
            why = self.arena.divergence or over.value
            raise ArenaError(f"{self.run.config.game.name} diverged while it was measured ({why}); lower a learning rate") from None

    def _pace(self) -> float:
        """Seconds of a turn, roughly."""
        found = []
        for _ in range(2):
            began, turns = self.now(), self.arena.scheduler.period
            for _ in range(turns):
                self.arena.play_scheduled_turn()
            found.append((self.now() - began) / turns)
        return min(found)

    def _chunk(self, pace: float) -> int:
        """Turns in a chunk: some rounds of all that is timed, each about as long as the arena's turns, fit into the time."""
        fits = self.seconds / (7 * pace)
        fewest = self.window + self.arena.scheduler.period
        wanted = max(fewest, min(fits / ROUNDS, self.arena.turns // 4))
        if wanted >= self.every or fits / FEW >= self.every:
            return max(1, int(wanted / self.every)) * self.every
        return int(wanted)


def _bare(config: Config) -> Config:
    """The same without anything that is looked at besides the trace, and with turns enough for chunks in the middle."""
    settings = copy.deepcopy(config.settings)
    settings["turns"] = max(settings["turns"], 1000, 4 * settings["trace"]["every"])
    settings["until_solved"] = False
    settings["checkpoint"]["best"] = False
    settings["diagnostics"]["names"] = ()
    for group in ("score", "metrics", "picture", "checkpoint", "diagnostics"):
        settings[group]["every"] = 0
    return dataclasses.replace(config, settings=settings)
