"""A stretch of turns as the arena played them, so that a loop by hand and stages in isolation can play the same."""

from dataclasses import dataclass
from typing import NamedTuple

from arena.engine.env import Arena
from arena.rules.alternating import Alternating
from arena.rules.simultaneous import Simultaneous


class Move(NamedTuple):
    """The roles that move together from one point, and their keys."""

    roles: tuple[str, ...]
    keys: tuple[str, ...]


class Line(NamedTuple):
    """One turn.

    Args:
        draws: whether it is played on a fresh batch.
        coupling: λ as the game's losses take it, in [0, max_coupling].
        shares: of those who move.
        rates: their learning rates, after schedule and share.
        moves: who moves together, one after the other.
    """

    draws: bool
    coupling: float
    shares: dict[str, float]
    rates: dict[str, float]
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class Script:
    """A stretch of turns.

    Args:
        lines: its turns in order.
        plain: whether the rule makes plain gradient steps, simultaneous or alternating; of another one the moves are what plain steps
            would be.
        evaluations: gradient evaluations that the rule made, over those of plain steps.
        steps: optimizer steps that the rule made, over those of plain steps.
    """

    lines: tuple[Line, ...]
    plain: bool
    evaluations: float
    steps: float


def record(arena: Arena, turns: int) -> Script:
    """Play some turns with the scheduler's actions, and tell what happened in them.

    Args:
        arena: it is `turns` turns further afterwards.
        turns: how many, at least 1.

    Example:
        >>> from arena import configure
        >>> arena = configure("bilinear", {"scheduler": "alternating", "x.lr": 0.5, "x.schedule": "linear", "turns": 4}).build()
        >>> [(line.moves[0].roles, line.rates) for line in record(arena, 2).lines]
        [(('y',), {'y': 0.1}), (('x',), {'x': 0.375})]
    """
    game, lines, spent = arena.game, [], True
    before, steps = arena.field.gradient_evaluations, 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    handles = [optimizer.register_step_post_hook(count) for optimizer in arena.optimizers.values()]
    try:
        for _ in range(turns):
            rates = {role: arena.learning_rate(role) for role in game.roles}
            *action, coupling = arena.scheduled_action().tolist()
            arena.play_turn((*action, coupling))
            shares = {role: share for role, share in zip(game.roles, action, strict=True) if share > 0}
            rates = {role: share * rates[role] for role, share in shares.items()}
            lines.append(Line(spent, coupling * game.max_coupling, shares, rates, _moves(arena, tuple(shares))))
            spent = game.batch_until is None or game.batch_until in shares
    finally:
        for handle in handles:
            handle.remove()
    moves = [move for line in lines for move in line.moves]
    evaluations = (arena.field.gradient_evaluations - before) / max(1, sum(len(move.keys) for move in moves))
    plain = type(arena.rule) in (Simultaneous, Alternating)
    return Script(tuple(lines), plain, evaluations, steps / max(1, sum(len(move.roles) for move in moves)))


def _moves(arena: Arena, roles: tuple[str, ...]) -> tuple[Move, ...]:
    """Who moves together: everyone, unless the rule itself lets one answer the other."""
    groups = [roles] if roles else []
    if isinstance(arena.rule, Alternating):
        groups = [(role,) for role in (roles if arena.rule.first == 1 else roles[::-1])]
    return tuple(Move(group, tuple(key for role in group for key in arena.game.keys_of(role))) for group in groups)
