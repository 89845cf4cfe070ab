"""Vanishing gradient: a player that has hardly any slope left to follow, though the game is far from good.

    ‖gᵢ‖ < share · max over the run so far of ‖gᵢ‖,  and the score is far from good

"Far from good" is above twice what real data get or, where there is no such thing, above a tenth of the first score: near its answer a
game's gradients vanish as they should.
"""

import math
from collections.abc import Mapping
from typing import Any

from arena.alarms.base import Alarm, Sight
from arena.errors import check_number


class VanishingGradient(Alarm):
    """Rings where a player's gradient is a small share of its largest so far, far from a good score.

    Args:
        share: of the largest norm so far, in (0, 1).
        patience: rows in which it must hold, one after the other, at least 1.

    Raises:
        BadSetting: for a number out of its range.
    """

    def __init__(self, share: float = 1e-3, patience: int = 5):
        super().__init__(patience)
        check_number("share", share, above=0, below=1)
        self.share = share
        self._largest: dict[str, float] = {}

    def look(self, sight: Sight) -> str | None:
        found = None
        for key, (norm, _) in sight.of_players("gradient_norm").items():
            if math.isfinite(norm):
                self._largest[key] = max(norm, self._largest.get(key, 0.0))
            if norm < self.share * self._largest.get(key, 0.0) and sight.far:
                found = f"the gradient of {key} has norm {norm:.2g}, and had {self._largest[key]:.2g}"
        return found

    def state_dict(self) -> dict[str, Any]:
        return {"largest": dict(self._largest)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._largest = dict(state["largest"])
