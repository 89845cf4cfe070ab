"""What an alarm is: it looks at the rows of a trace, which are written anyway, and so costs nothing in a turn.

An alarm rings when what it looks for holds in `patience` rows one after the other, and is over when it does not in as many.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from arena.core.game import Game
from arena.errors import GameFault, check_number


@dataclass(frozen=True)
class Sight:
    """What an alarm sees.

    Args:
        game: the game that is played.
        row: the row that was just written.
        latest: the latest number of every field, up to this row.
        first: the first one of every field, as it was where the run began.
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
        """Whether a score is far from good: above twice what real data get or, where that means nothing, above a tenth of the first."""
        first, ceiling = self.first.get("score"), self.latest.get("ceiling")
        if score is None or first is None:
            return True
        return score > (2 * ceiling if ceiling else 0.1 * first)

    def of_players(self, field: str) -> dict[str, tuple[float, float]]:
        """The latest and the first number of a field, such as `loss`, of each key that has both."""
        names = (f"{key}.{field}" for key in self.game.keys)
        return {n.removesuffix(f".{field}"): (self.latest[n], self.first[n]) for n in names if n in self.latest}


class Alarm:
    """Looks for one thing; override `look`.

    Args:
        patience: rows in which it must hold, one after the other, at least 1.

    Raises:
        BadSetting: for a number out of its range.

    Example:
        >>> class Large(Alarm):
        ...     def look(self, sight):
        ...         large = [key for key, (now, _) in sight.of_players("loss").items() if now > 100]
        ...         return f"the loss of {large[0]} is above 100" if large else None
        >>> Large(patience=2).patience
        2
    """

    _arena_kind: ClassVar[str] = "alarm"

    def __init__(self, patience: int = 3):
        check_number("patience", patience, least=1, whole=True)
        self.patience = patience

    def look(self, sight: Sight) -> str | None:
        """What is wrong in this row, in one sentence with the number that says so; None where nothing is."""
        raise GameFault(f"the alarm {type(self).__name__} has no look(sight); write one that returns a sentence or None")

    def state_dict(self) -> dict[str, Any]:
        """What it remembers from row to row, as numbers, strings, lists and dictionaries."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
