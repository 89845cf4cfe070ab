"""Divergence: a run that flies apart.

    a loss, or the norm of a gradient or an update, is not finite;  or  score > times · score₀

with score₀ the score before the first turn. A number that is not finite ends the run as well; this rings before that where the score is
looked at often enough.
"""

import math

from arena.alarms.base import Alarm, Sight
from arena.errors import check_number


class Divergence(Alarm):
    """Rings where something is not finite, or the score is many times what it was before the first turn.

    Args:
        times: how many times, above 1.
        patience: rows in which it must hold, one after the other, at least 1.

    Raises:
        BadSetting: for a number out of its range.
    """

    def __init__(self, times: float = 10.0, patience: int = 1):
        super().__init__(patience)
        check_number("times", times, above=1)
        self.times = times

    def look(self, sight: Sight) -> str | None:
        for field in ("loss", "gradient_norm", "update_norm"):
            for key in (*sight.game.keys, *sight.game.roles):
                value = sight.row.get(f"{key}.{field}")
                if value is not None and not math.isfinite(value):
                    return f"the {field.replace('_', ' ')} of {key} is not finite"
        score, first = sight.latest.get("score"), sight.first.get("score")
        if score is not None and first is not None and first > 0 and score > self.times * first:
            return f"the score is {score:.3g}, above {self.times:g} times the {first:.3g} before the first turn"
        return None
