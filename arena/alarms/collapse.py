"""Collapse: a player that has lost its variety, as the game defines it by `Game.collapsed`.

Of a GAN, the generated batch's total standard deviation is below a tenth of the data's (the signal `spread`). Untrained players have
little spread as well, so the first part of a run does not count.
"""

from arena.alarms.base import Alarm, Sight
from arena.errors import check_number


class Collapse(Alarm):
    """Rings where the game says that a player has collapsed.

    Args:
        after: progress of the run from which it counts, in [0, 1].
        patience: rows in which it must hold, one after the other, at least 1.

    Raises:
        BadSetting: for a number out of its range.
    """

    def __init__(self, after: float = 0.1, patience: int = 3):
        super().__init__(patience)
        check_number("after", after, least=0, most=1)
        self.after = after

    def look(self, sight: Sight) -> str | None:
        if sight.row["progress"] < self.after or not sight.game.collapsed(sight.latest):
            return None
        spread = sight.latest.get("game.spread")
        return "a player has collapsed" + (f": the spread is {spread:.2g} of the data's" if spread is not None else "")
