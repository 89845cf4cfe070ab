"""Base class of rules that wrap another rule."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from arena.core.directions import Direction
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.simultaneous import Simultaneous
from arena.rules.turn import Turn


class Wrapper(UpdateRule, ABC):
    """A rule around an inner rule.

    Args:
        inner: The rule that plays; simultaneous by default.
    """

    def __init__(self, inner: UpdateRule | None = None):
        self.inner = inner or Simultaneous()
        self.turns: int | Tensor = 0

    @abstractmethod
    def step(self, turn: Turn) -> None:
        """Play the inner rule; a wrapper adds its own steps around it."""
        self.inner.step(turn)
        self.turns = self.turns + turn.played

    def linear_map(self, game: LinearGame) -> LinearMap | None:
        return self.inner.linear_map(game)

    def cost(self) -> Cost | None:
        return self.inner.cost()

    def report(self) -> dict[str, Tensor | float]:
        return self.inner.report()

    def evaluated_parameters(self) -> Direction | None:
        return self.inner.evaluated_parameters()

    def forget(self, members: Tensor) -> None:
        super().forget(members)
        self.turns = self.turns * self.field.as_numbers(~members)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "inner": self.inner.state_dict(), "turns": self.turns}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.inner.load_state_dict(state["inner"])
        self.turns = state["turns"]
