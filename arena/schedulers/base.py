"""Scheduler: a policy from the state of a run to the next action (share of player 1, share of player 2, coupling).

Most schedulers read only the turn, so that nothing waits for the device; one that reads signals sets `observes`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from arena.errors import GameFault

Action = tuple[float, float, float]
"""(share of player 1, share of player 2, coupling), each in [0, 1]."""


class Moment(NamedTuple):
    """State of a run before a turn, as a scheduler reads it.

    Args:
        turn: Turns played so far.
        turns: Turns declared for the run.
        coupling: λ in [0, 1], as the coupling schedule gives it for this turn.
        signals: Raw signals of the last turn by name; empty unless the scheduler `observes`.
    """

    turn: int
    turns: int
    coupling: float = 1.0
    signals: Mapping[str, float] = MappingProxyType({})

    @property
    def progress(self) -> float:
        """Turns played over turns declared, in [0, 1]."""
        return min(self.turn / self.turns, 1.0) if self.turns else 0.0


class Scheduler:
    """Map a moment to an action; override `action`.

    Attributes:
        observes: True if the next `action` reads `moment.signals`, which costs a wait for the device and the game's signals.

    Example:
        >>> class Coin(Scheduler):
        ...     def action(self, moment):
        ...         return (1.0, 0.0, moment.coupling) if moment.turn % 2 else (0.0, 1.0, moment.coupling)
        >>> Coin().action(Moment(turn=0, turns=10))
        (0.0, 1.0, 1.0)
    """

    _arena_kind: ClassVar[str] = "scheduler"
    observes: bool = False

    def action(self, moment: Moment) -> Action:
        """Return the shares of both players and λ for the next turn."""
        raise GameFault(f"the scheduler {type(self).__name__} has no action(moment); write one that returns two shares and λ")

    @property
    def period(self) -> int:
        """Turns within which every player moves at least once."""
        return 1

    def state_dict(self) -> dict[str, Any]:
        """Return the memory between turns, as tensors, numbers and strings."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of `state_dict`."""
