"""Naming the player that diverged first, by a replay that watches each player's output."""

from collections.abc import Mapping
from typing import Any

from arena.engine.env import Arena

_COUNTS = ("turns_played", "moves", "coupling", "latest_share", "latest_rate")


def blame(arena: Arena, state: Mapping[str, Any]) -> None:
    """Replay an arena that has diverged from an earlier state of the episode, and let `arena.divergence` name the first player.

    Counts, signals and costs stay those of the latest turn; the players stay where the replay ends.
    """
    episode, signals, field = arena.episode, arena.signals, arena.field
    fatal = signals.divergence
    assert fatal is not None
    costs = field.gradient_evaluations, field.products
    counts = {name: getattr(episode, name) for name in _COUNTS}
    fresh, values = signals.take_fresh(), dict(signals.values)
    arena.load_state_dict(state)
    with arena.watching_outputs():
        while arena.turns_played < fatal.turn:
            arena.play_scheduled_turn()
    arena.read_signals()
    signals.divergence = signals.divergence or fatal
    signals.values, signals._fresh = values, fresh
    for name, value in counts.items():
        setattr(episode, name, value)
    field.gradient_evaluations, field.products = costs
