"""Collapse: a player that has lost its variety, as the game defines it by `Game.collapsed`.

In a GAN: the total standard deviation of a generated batch is below a tenth of that of the data (the signal `spread`). Untrained
players have little spread as well, so that the first part of a run does not count.
"""

from arena.alarms.base import Alarm, TraceView
from arena.errors import check_number


class Collapse(Alarm):
    """Raised if the game reports that a player has collapsed.

    Args:
        after: Progress of the run before which nothing counts, in [0, 1].

    Raises:
        BadSetting: A number is out of its range.
    """

    def __init__(self, after: float = 0.1, patience: int = 3):
        super().__init__(patience)
        check_number("after", after, least=0, most=1)
        self.after = after

    def look(self, view: TraceView) -> str | None:
        if view.row["progress"] < self.after or not view.game.collapsed(view.latest):
            return None
        spread = view.latest.get("game.spread")
        return "a player has collapsed" + (f": the spread is {spread:.2g} of the data's" if spread is not None else "")
