"""Numbers that depend on the turn, written into the game's own buffers.

Plain code, compiled code and recorded turns all read a buffer. In a population it has a member axis, so that members at different turns, or
with different budgets, have their own numbers. Numbers that are 0 for all members in a turn are named in `game.idle`, by which compiled and
recorded turns are kept apart.
"""

import contextlib
from collections.abc import Mapping

import numpy as np
import torch

from arena.core.field.members import Members
from arena.core.game import Clock, Game
from arena.errors import GameFault


class ScheduledBuffers:
    """The numbers of `Game.at_turn`.

    Args:
        game: The game.
        members: The members of a population; None for one game.

    Attributes:
        names: Names of the numbers and their buffers; empty if the game has none.

    Raises:
        GameFault: A number has no buffer, or one of another shape.
    """

    def __init__(self, game: Game, members: Members | None = None):
        self.game, self.members = game, members
        overridden = type(game).at_turn is not Game.at_turn
        start = Clock(0, 0.0, dict.fromkeys(game.roles, 0), game.roles)
        with contextlib.nullcontext() if members is None else members.own(game, 0):
            self.names = tuple(game.at_turn(start)) if overridden else ()
        self.buffers = {name: buffer for name, buffer in game.named_buffers() if name in self.names}
        shape = () if members is None else (members.count,)
        for name in self.names:
            if name not in self.buffers or tuple(self.buffers[name].shape) != shape:
                raise GameFault(
                    f"{type(game).__name__}.at_turn gives '{name}', which is no buffer of one number; write "
                    f"self.register_buffer('{name}', torch.tensor(0.0), persistent=False) into its __init__"
                )

    def __bool__(self) -> bool:
        return bool(self.names)

    def update(self, clock: Clock) -> None:
        """Write the numbers of a turn into the buffers; in a population, if all members have the same clock."""
        numbers = self.game.at_turn(clock)
        for name, buffer in self.buffers.items():
            buffer.fill_(numbers[name])
        self._rest({name for name in self.names if numbers[name] == 0})

    def update_members(
        self, turns: np.ndarray, progress: np.ndarray, moves: Mapping[str, np.ndarray], moving: Mapping[str, np.ndarray]
    ) -> None:
        """Write each member's own numbers into the buffers; arguments are (K,), `moving` are the members that move a role in this turn."""
        assert self.members is not None
        known: dict[tuple[object, ...], dict[str, float]] = {}
        rows = []
        for member, (turn, share) in enumerate(zip(turns.tolist(), progress.tolist(), strict=True)):
            counts = {role: int(count[member]) for role, count in moves.items()}
            movers = tuple(role for role, moves_it in moving.items() if moves_it[member])
            key = (turn, share, *counts.values(), movers, member if self.members.differ else 0)
            if key not in known:
                with self.members.own(self.game, member):
                    known[key] = self.game.at_turn(Clock(turn, share, counts, movers))
            rows.append(known[key])
        for name, buffer in self.buffers.items():
            buffer.copy_(torch.tensor([row[name] for row in rows], dtype=buffer.dtype))
        self._rest({name for name in self.names if all(row[name] == 0 for row in rows)})

    def _rest(self, names: set[str]) -> None:
        if names != self.game.idle:
            self.game.idle = frozenset(names)
