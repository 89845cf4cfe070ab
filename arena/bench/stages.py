"""What a turn is made of, each stage timed apart on the live objects of an arena, and the floor beneath any loop.

Stages are timed in isolation over the same stretch of turns, since a clock inside the turn would distort turns of microseconds. What they
leave of the turn is called the rest: what the arena does between them, and the caches that they find colder in a turn than apart.
"""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence

import torch

from arena.bench.baseline_loop import ByHand
from arena.bench.recorded_turns import Move, Script
from arena.engine.env import Arena
from arena.errors import ArenaError
from arena.players.base import hooks
from arena.rules.base import UpdateRule
from arena.rules.turn import Turn

Clock = Callable[[], float]


def clock(device: torch.device) -> Clock:
    """Seconds, read when the device has done all that was asked of it."""
    if device.type != "cuda":
        return time.perf_counter

    def now() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return now


def floor(by_hand: ByHand, script: Script, now: Clock) -> float:
    """Seconds for the bare tensor work: each mover's loss and its gradient on one fixed batch.

    There is no sampling, no optimizer, no trace, and no graph for whoever does not move: what no loop can avoid.
    """
    game, batch = by_hand.game, by_hand.batch
    everyone = [p for own in by_hand.parameters.values() for p in own]
    took = 0.0
    for (move, coupling), times in _alike(script).items():
        own = {key: by_hand.parameters[key] for key in move.keys}
        moving = {id(p) for parameters in own.values() for p in parameters}
        still = [p for p in everyone if id(p) not in moving]
        for p in still:
            p.requires_grad_(False)
        began = now()
        for _ in range(times):
            losses = game.losses(batch, coupling, move.keys)
            for key in move.keys:
                torch.autograd.grad(losses[key], own[key], retain_graph=key != move.keys[-1], allow_unused=True)
        took += now() - began
        for p in still:
            p.requires_grad_(True)
    return took


class Stages:
    """The stages of an arena's turns. Each method plays one of them over a whole stretch of turns and gives the seconds it took.

    The arena is elsewhere afterwards; load its state to go back.

    Args:
        arena: whose turns they are.
        script: the stretch of turns.
        now: the clock.
    """

    def __init__(self, arena: Arena, script: Script, now: Clock):
        self.arena, self.script, self.now = arena, script, now
        self._turn, self._batch = _live_turn(arena), arena.batch
        self._on_batch = hooks(arena.game.players, "on_batch")

    def sampling(self) -> float:
        """Drawing the batches."""
        arena, began = self.arena, self.now()
        for line in self.script.lines:
            if line.draws:
                batch = arena.stream.next()
                for on_batch in self._on_batch:
                    on_batch(batch)
        return self.now() - began

    def field(self) -> float:
        """Gradients, in the number in which the rule asks for them."""
        began = self.now()
        for line in self.script.lines:
            for move in line.moves:
                self._freeze(move.keys, line.coupling)
                self.arena.field.gradients()
        return (self.now() - began) * self.script.evaluations

    def optimizer(self) -> float:
        """Moves along a direction that is there: steps of the optimizers, in the number in which the rule makes them."""
        took, turn = 0.0, self._turn
        for (move, coupling), times in _alike(self.script).items():
            self._freeze(move.keys, coupling)
            direction, shares = self.arena.field.gradients(), dict.fromkeys(move.roles, 1.0)
            began = self.now()
            for _ in range(times):
                turn.begin(shares)
                turn.move(direction)
            took += self.now() - began
        return took * self.script.steps

    def step(self) -> float:
        """The whole step of the rule: field, optimizer, and whatever else it does."""
        began = self.now()
        for line in self.script.lines:
            if line.moves:
                self._freeze([key for move in line.moves for key in move.keys], line.coupling)
                self._turn.begin(line.shares)
                self.arena.rule.step(self._turn)
        return self.now() - began

    def _freeze(self, keys: Sequence[str], coupling: float) -> None:
        field = self.arena.field
        field.freeze(self._batch, coupling, keys, 0 if field.stochastic else None)


def _alike(script: Script) -> Counter[tuple[Move, float]]:
    """How often the same move is made; λ is that of its first time."""
    couplings: dict[Move, float] = {}
    moves = itertools.chain.from_iterable(((move, line.coupling) for move in line.moves) for line in script.lines)
    return Counter((move, couplings.setdefault(move, coupling)) for move, coupling in moves)


def _live_turn(arena: Arena) -> Turn:
    """The turn that an arena hands to its rule, which a rule in the place of its own listens for."""
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
    """Its inner rule, and the turn that it was given."""

    def __init__(self, inner: UpdateRule):
        self.inner = inner
        self.turn: Turn | None = None

    def step(self, turn: Turn) -> None:
        self.turn = turn
        self.inner.step(turn)
