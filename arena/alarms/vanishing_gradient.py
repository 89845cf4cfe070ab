"""Vanishing gradient: a player with hardly any slope left, although the score is far from good.

    ‖gᵢ‖ < share · max over the run so far of ‖gᵢ‖,  and the score is far from good

"Far from good" is above twice the ceiling of real data or, without a ceiling, above a tenth of the first score: near the solution of a
game, gradients vanish as expected.
"""

import math
from collections.abc import Mapping
from typing import Any

from arena.alarms.base import Alarm, TraceView
from arena.errors import check_number


class VanishingGradient(Alarm):
    """Raised if a player's gradient is a small share of its largest so far, far from a good score.

    Args:
        share: Share of the largest norm so far, in (0, 1).

    Raises:
        BadSetting: A number is out of its range.
    """

    def __init__(self, share: float = 1e-3, patience: int = 5):
        super().__init__(patience)
        check_number("share", share, above=0, below=1)
        self.share = share
        self._largest: dict[str, float] = {}

    def look(self, view: TraceView) -> str | None:
        sentence = None
        for key, (norm, _) in view.of_players("gradient_norm").items():
            if math.isfinite(norm):
                self._largest[key] = max(norm, self._largest.get(key, 0.0))
            if norm < self.share * self._largest.get(key, 0.0) and view.far:
                sentence = f"the gradient of {key} has norm {norm:.2g}, and had {self._largest[key]:.2g}"
        return sentence

    def state_dict(self) -> dict[str, Any]:
        return {"largest": dict(self._largest)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._largest = dict(state["largest"])
