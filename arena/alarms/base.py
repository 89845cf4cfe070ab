"""Alarm: a condition on the rows of a trace. The rows are written anyway, so that an alarm costs nothing in a turn.

An alarm is raised when its condition has held in `patience` successive rows, and is over when it has not held in as many.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from arena.core.game import Game
from arena.errors import GameFault, check_number


@dataclass(frozen=True)
class TraceView:
    """The trace up to one row, as an alarm reads it.

    Args:
        game: The game that is played.
        row: The row that was just written.
        latest: The latest number of every field, up to this row.
        first: The first number of every field, as at the start of the run.
    """

    game: Game
    row: Mapping[str, Any]
    latest: Mapping[str, Any]
    first: Mapping[str, Any]

    @property
    def far(self) -> bool:
        """Whether the latest score is far from good."""
        return self.is_far(self.latest.get("score"))

    def is_far(self, score: float | None) -> bool:
        """Whether a score is above twice the ceiling of real data or, without a ceiling, above a tenth of the first score."""
        first, ceiling = self.first.get("score"), self.latest.get("ceiling")
        if score is None or first is None:
            return True
        return score > (2 * ceiling if ceiling else 0.1 * first)

    def of_players(self, field: str) -> dict[str, tuple[float, float]]:
        """Return the latest and the first number of a field, such as `loss`, of each key that has both."""
        names = (f"{key}.{field}" for key in self.game.keys)
        return {n.removesuffix(f".{field}"): (self.latest[n], self.first[n]) for n in names if n in self.latest}


class Alarm:
    """Base class of alarms; override `look`.

    Args:
        patience: Number of successive rows in which the condition must hold, at least 1.

    Raises:
        BadSetting: A number is out of its range.

    Example:
        >>> class Large(Alarm):
        ...     def look(self, view):
        ...         large = [key for key, (now, _) in view.of_players("loss").items() if now > 100]
        ...         return f"the loss of {large[0]} is above 100" if large else None
        >>> Large(patience=2).patience
        2
    """

    _arena_kind: ClassVar[str] = "alarm"

    def __init__(self, patience: int = 3):
        check_number("patience", patience, least=1, whole=True)
        self.patience = patience

    def look(self, view: TraceView) -> str | None:
        """Return what is wrong in this row, in one sentence with the number that shows it, or None."""
        raise GameFault(f"the alarm {type(self).__name__} has no look(view); write one that returns a sentence or None")

    def state_dict(self) -> dict[str, Any]:
        """Return the memory between rows, as numbers, strings, lists and dictionaries."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of `state_dict`."""
