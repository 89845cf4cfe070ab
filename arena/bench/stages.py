"""The stages of a turn, each timed separately on the live objects of an arena, and the lower bound of any loop.

Stages are timed in isolation over the same turns, because a clock inside the turn would distort turns of microseconds. The remainder of
the turn is called the rest: the arena's work between stages, and caches that are colder within a turn.
"""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence

import torch

from arena.bench.baseline_loop import BaselineLoop
from arena.bench.recorded_turns import Move, RecordedTurns
from arena.engine.env import Arena
from arena.errors import ArenaError
from arena.players.base import hooks
from arena.rules.base import UpdateRule
from arena.rules.turn import Turn

Clock = Callable[[], float]


def clock(device: torch.device) -> Clock:
    """Return a clock that synchronises with the device, in seconds."""
    if device.type != "cuda":
        return time.perf_counter

    def now() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


def floor(baseline: BaselineLoop, recorded: RecordedTurns, now: Clock) -> float:
    """Return the seconds of the bare tensor work: each mover's loss and its gradient on one fixed batch.

    There is no sampling, optimizer or trace, and no graph for players that do not move, so that no loop can be faster.
    """
    game, batch = baseline.game, baseline.batch
    everyone = [p for parameters in baseline.parameters.values() for p in parameters]
    took = 0.0
    for (move, coupling), times in _alike(recorded).items():
        moving_parameters = {key: baseline.parameters[key] for key in move.keys}
        moving = {id(p) for parameters in moving_parameters.values() for p in parameters}
        still = [p for p in everyone if id(p) not in moving]
        for p in still:
            p.requires_grad_(False)
        began = now()
        for _ in range(times):
            losses = game.losses(batch, coupling, move.keys)
            for key in move.keys:
                torch.autograd.grad(losses[key], moving_parameters[key], retain_graph=key != move.keys[-1], allow_unused=True)
        took += now() - began
        for p in still:
            p.requires_grad_(True)
    return took


class Stages:
    """The stages of an arena's turns. Each method repeats one stage for all recorded turns and returns the seconds.

    The arena's state changes; load a saved state to go back.

    Args:
        arena: Arena of the turns.
        recorded: Recorded turns.
        now: Clock.
    """

    def __init__(self, arena: Arena, recorded: RecordedTurns, now: Clock):
        self.arena, self.recorded, self.now = arena, recorded, now
        self._turn, self._batch = _live_turn(arena), arena.batch
        self._on_batch = hooks(arena.game.players, "on_batch")

    def sampling(self) -> float:
        """Draw the batches."""
        arena, began = self.arena, self.now()
        for turn in self.recorded.turns:
            if turn.draws:
                batch = arena.stream.next()
                for on_batch in self._on_batch:
                    on_batch(batch)
        return self.now() - began

    def field(self) -> float:
        """Evaluate gradients as often as the rule does."""
        began = self.now()
        for turn in self.recorded.turns:
            for move in turn.moves:
                self._freeze(move.keys, turn.coupling)
                self.arena.field.gradients()
        return (self.now() - began) * self.recorded.evaluations

    def optimizer(self) -> float:
        """Step the optimizers along a given direction, as often as the rule does."""
        took, turn = 0.0, self._turn
        for (move, coupling), times in _alike(self.recorded).items():
            self._freeze(move.keys, coupling)
            direction, shares = self.arena.field.gradients(), dict.fromkeys(move.roles, 1.0)
            began = self.now()
            for _ in range(times):
                turn.begin(shares)
                turn.move(direction)
            took += self.now() - began
        return took * self.recorded.steps

    def step(self) -> float:
        """Make the whole step of the rule: field, optimizer, and the rest."""
        began = self.now()
        for turn in self.recorded.turns:
            if turn.moves:
                self._freeze([key for move in turn.moves for key in move.keys], turn.coupling)
                self._turn.begin(turn.shares)
                self.arena.rule.step(self._turn)
        return self.now() - began

    def _freeze(self, keys: Sequence[str], coupling: float) -> None:
        field = self.arena.field
        field.freeze(self._batch, coupling, keys, 0 if field.stochastic else None)


def _alike(recorded: RecordedTurns) -> Counter[tuple[Move, float]]:
    """Count equal moves; λ is that of the first one."""
    couplings: dict[Move, float] = {}
    moves = itertools.chain.from_iterable(((move, turn.coupling) for move in turn.moves) for turn in recorded.turns)
    return Counter((move, couplings.setdefault(move, coupling)) for move, coupling in moves)


def _live_turn(arena: Arena) -> Turn:
    """Return the `Turn` of an arena, captured by a temporary rule."""
    listener = _Listener(arena.rule)
    arena.rule = listener
    try:
        arena.play_turn((1.0, 1.0, 1.0))
    finally:
        arena.rule = listener.inner
    if listener.turn is None:
        raise ArenaError(f"{type(arena.game).__name__} let no rule step; give each player something to move")
    return listener.turn


class _Listener(UpdateRule):
    """A rule that captures the turn and plays an inner rule."""

    def __init__(self, inner: UpdateRule):
        self.inner = inner
        self.turn: Turn | None = None

    def step(self, turn: Turn) -> None:
        self.turn = turn
        self.inner.step(turn)
