"""Divergence: numbers that are not finite, or a score that grows.

    a loss, or the norm of a gradient or an update, is not finite;  or  score > times · score₀

with score₀ the score before the first turn. A number that is not finite also ends the run; this alarm comes earlier if the score is
measured often enough.
"""

import math

from arena.alarms.base import Alarm, TraceView
from arena.errors import check_number


class Divergence(Alarm):
    """Raised if a number is not finite, or if the score is many times the score before the first turn.

    Args:
        times: Factor on the first score, above 1.

    Raises:
        BadSetting: A number is out of its range.
    """

    def __init__(self, times: float = 10.0, patience: int = 1):
        super().__init__(patience)
        check_number("times", times, above=1)
        self.times = times

    def look(self, view: TraceView) -> str | None:
        for field in ("loss", "gradient_norm", "update_norm"):
            for key in (*view.game.keys, *view.game.roles):
                value = view.row.get(f"{key}.{field}")
                if value is not None and not math.isfinite(value):
                    return f"the {field.replace('_', ' ')} of {key} is not finite"
        score, first = view.latest.get("score"), view.first.get("score")
        if score is not None and first is not None and first > 0 and score > self.times * first:
            return f"the score is {score:.3g}, above {self.times:g} times the {first:.3g} before the first turn"
        return None
