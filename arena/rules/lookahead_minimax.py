"""Lookahead-minimax: every k turns both players return together part of the way to their last common point.

    after k turns of the inner rule from s to z:    s ← s + a(z − s),    z ← s

T. Chavdarova et al., "Taming GANs with Lookahead-Minimax", arXiv:2006.14567. Both players step back at the same time; with a
wrapper for each player's optimizer they would not. Not to be confused with LookAhead, which anticipates the other player.
"""

from typing import Literal

import torch

from arena.core.directions import plus
from arena.errors import check_choice, check_number
from arena.rules.base import UpdateRule
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn
from arena.rules.wrapper import Wrapper


class LookaheadMinimax(Wrapper):
    """Every k turns z ← s + a(z − s), s being the end of the last such step; the inner rule plays in between.

    Cost: the inner rule's. On a quadratic game, with M the inner rule's map, k turns are the map (1 − a)I + aMᵏ.

    Args:
        inner: The rule that plays; simultaneous by default.
        k: Turns of the inner rule between steps back, at least 1.
        a: Share of the way that is kept, in (0, 1].
        buffers: Running statistics and other buffers: copied from the last fast iterate, or averaged, which steps back with the parameters.

    Raises:
        BadSetting: A number is out of its range.
    """

    also = ("lookahead",)
    may_differ = ("k",)

    def __init__(self, inner: UpdateRule | None = None, k: int = 5, a: float = 0.5, buffers: Literal["copied", "averaged"] = "copied"):
        check_number("k", k, least=1, whole=True)
        check_number("a", a, above=0, most=1)
        check_choice("buffers", buffers, ["copied", "averaged"])
        super().__init__(inner)
        self.k, self.a, self.buffers = k, a, buffers

    def step(self, turn: Turn) -> None:
        here = {name: p.detach() for name, p in turn.field.moving.items()}
        if self.buffers == "averaged":
            here |= turn.field.statistics_of(turn.roles)
        if self.knows("slow", here) is not True:
            self.remember("slow", self.recall("slow", here, here))
        super().step(turn)
        due = self.turns % self.k == 0
        if due is not False:
            slow = self.recall("slow", here)
            turn.place(plus(slow, plus(here, slow, -1.0), self.a), where=due)
            self.remember("slow", here, where=due)

    def linear_map(self, game: LinearGame) -> LinearMap | None:
        inner = self.inner.linear_map(game)
        if inner is None or inner.turns != 1:
            return None
        matrix = torch.linalg.matrix_power(inner.matrix, self.k)
        n = len(game.J)
        slow = torch.cat([game.I, torch.zeros(n, len(matrix) - n, dtype=game.J.dtype)], dim=1)
        return LinearMap(torch.cat([(1 - self.a) * slow + self.a * matrix[:n], matrix[n:]]), inner.start, self.k)
