"""Telling a game where its run stands: numbers that change from turn to turn are put into the game's own buffers.

A buffer is read by plain code, by compiled code and by recorded turns alike, and in a population it has a member axis, so that members
that stand at different turns, or end at different ones, each have their own number. What is 0 for everyone in a turn is named in
`game.idle`, by which compiled and recorded turns are kept apart.
"""

import contextlib
from collections.abc import Mapping

import numpy as np
import torch

from arena.core.field.members import Members
from arena.core.game import Clock, Game
from arena.errors import GameFault


class ScheduledBuffers:
    """The numbers that a game asks to be told.

    Args:
        game: the game.
        members: what makes it a population.

    Attributes:
        names: of the buffers that hold them; none where the game asks for nothing, so that a turn need not tell it.

    Raises:
        GameFault: where there is no such buffer of one number.
    """

    def __init__(self, game: Game, members: Members | None = None):
        self.game, self.members = game, members
        asks = type(game).at_turn is not Game.at_turn
        start = Clock(0, 0.0, dict.fromkeys(game.roles, 0), game.roles)
        with contextlib.nullcontext() if members is None else members.numbers(game, 0):
            self.names = tuple(game.at_turn(start)) if asks else ()
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
        """Put the numbers of this moment into the buffers; of a population, where all members stand alike."""
        numbers = self.game.at_turn(clock)
        for name, buffer in self.buffers.items():
            buffer.fill_(numbers[name])
        self._rest({name for name in self.names if numbers[name] == 0})

    def update_members(
        self, turns: np.ndarray, progress: np.ndarray, moves: Mapping[str, np.ndarray], moving: Mapping[str, np.ndarray]
    ) -> None:
        """The same of a population, each member with its own.

        Args:
            turns: played by each member, (K,).
            progress: of each member, (K,).
            moves: by role, how often each member has moved it, (K,).
            moving: by role, which members move it in this turn, (K,).
        """
        assert self.members is not None
        known: dict[tuple[object, ...], dict[str, float]] = {}
        rows = []
        for member, (turn, share) in enumerate(zip(turns.tolist(), progress.tolist(), strict=True)):
            made = {role: int(count[member]) for role, count in moves.items()}
            movers = tuple(role for role, does in moving.items() if does[member])
            key = (turn, share, *made.values(), movers, member if self.members.coefficients else 0)
            if key not in known:
                with self.members.numbers(self.game, member):
                    known[key] = self.game.at_turn(Clock(turn, share, made, movers))
            rows.append(known[key])
        for name, buffer in self.buffers.items():
            buffer.copy_(torch.tensor([row[name] for row in rows], dtype=buffer.dtype))
        self._rest({name for name in self.names if all(row[name] == 0 for row in rows)})

    def _rest(self, names: set[str]) -> None:
        if names != self.game.idle:
            self.game.idle = frozenset(names)
