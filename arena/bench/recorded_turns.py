"""Turns recorded from an arena, for the plain loop and for isolated stages to repeat."""

from dataclasses import dataclass
from typing import NamedTuple

from arena.engine.env import Arena
from arena.rules.alternating import Alternating
from arena.rules.simultaneous import Simultaneous


class Move(NamedTuple):
    """Roles that move together from one point, and their keys."""

    roles: tuple[str, ...]
    keys: tuple[str, ...]


class RecordedTurn(NamedTuple):
    """One turn.

    Args:
        draws: Whether the turn draws a batch.
        coupling: λ of the game's losses, in [0, max_coupling].
        shares: Shares of the movers by role.
        rates: Learning rates of the movers, after schedule and share.
        moves: Groups of roles that move together, in order.
    """

    draws: bool
    coupling: float
    shares: dict[str, float]
    rates: dict[str, float]
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class RecordedTurns:
    """Recorded turns.

    Args:
        turns: Turns in order.
        plain: Whether the rule makes plain gradient steps, simultaneous or alternating; for other rules the moves are those of plain steps
            in its place.
        evaluations: Gradient evaluations of the rule over those of plain steps.
        steps: Optimizer steps of the rule over those of plain steps.
    """

    turns: tuple[RecordedTurn, ...]
    plain: bool
    evaluations: float
    steps: float


def record(arena: Arena, turns: int) -> RecordedTurns:
    """Play at least one turn with the scheduler's actions, and record the turns.

    Example:
        >>> from arena import configure
        >>> arena = configure("bilinear", {"scheduler": "alternating", "x.lr": 0.5, "x.schedule": "linear", "turns": 4}).build()
        >>> [(turn.moves[0].roles, turn.rates) for turn in record(arena, 2).turns]
        [(('y',), {'y': 0.1}), (('x',), {'x': 0.375})]
    """
    game, recorded, spent = arena.game, [], True
    before, steps = arena.field.gradient_evaluations, 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    handles = [optimizer.register_step_post_hook(count) for optimizer in arena.optimizers.values()]
    try:
        for _ in range(turns):
            *action, coupling = arena.scheduled_action().tolist()
            arena.play_turn((*action, coupling))
            shares = {role: share for role, share in zip(game.roles, action, strict=True) if share > 0}
            rates = {role: share * arena.learning_rate(role) for role, share in shares.items()}
            recorded.append(RecordedTurn(spent, coupling * game.max_coupling, shares, rates, _moves(arena, tuple(shares))))
            spent = game.batch_until is None or game.batch_until in shares
    finally:
        for handle in handles:
            handle.remove()
    moves = [move for turn in recorded for move in turn.moves]
    evaluations = (arena.field.gradient_evaluations - before) / max(1, sum(len(move.keys) for move in moves))
    plain = type(arena.rule) in (Simultaneous, Alternating)
    return RecordedTurns(tuple(recorded), plain, evaluations, steps / max(1, sum(len(move.roles) for move in moves)))


def _moves(arena: Arena, roles: tuple[str, ...]) -> tuple[Move, ...]:
    """Return the groups of roles that move together: all, unless the rule alternates."""
    groups = [roles] if roles else []
    if isinstance(arena.rule, Alternating):
        groups = [(role,) for role in (roles if arena.rule.first == 1 else roles[::-1])]
    return tuple(Move(group, tuple(key for role in group for key in arena.game.keys_of(role))) for group in groups)
