"""Rotation: players that chase each other in circles.

With ℓ₁ … ℓ_W a player's losses in the last W rows, evenly spaced in turns by interpolation and less their mean, and their correlation
at lag k c(k) = Σ ℓₜ ℓₜ₊ₖ / √(Σ ℓₜ² Σ ℓₜ₊ₖ²), each sum over the rows that both have, the loss is periodic with period P if

    c is below −strength and within a fifth of its lowest, first at a lag k ≤ W/3, and above strength at a lag P between 1.5 k and 2.5 k

while the score is far from good (see `arena.alarms.vanishing_gradient`). For noise, c is about 1/√W. Periods shorter than about
four rows or longer than two thirds of the window are not detected; `trace.every` sets the scale.

Shapes: W = rows of the window.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from arena.alarms.base import Alarm, TraceView
from arena.errors import check_number


class Rotation(Alarm):
    """Raised if a player's loss is periodic, far from a good score.

    Args:
        window: Number of rows W, at least 16.
        strength: Least correlation, in (0, 1).

    Raises:
        BadSetting: A number is out of its range.
    """

    def __init__(self, window: int = 48, strength: float = 0.5, patience: int = 3):
        super().__init__(patience)
        check_number("window", window, least=16, whole=True)
        check_number("strength", strength, above=0, below=1)
        self.window, self.strength = window, strength
        self._turns: list[int] = []
        self._losses: dict[str, list[float]] = {}

    def look(self, view: TraceView) -> str | None:
        sentence = None
        self._turns = [*self._turns, view.row["turn"]][-self.window :]
        for key, (loss, _) in view.of_players("loss").items():
            seen = self._losses[key] = [*self._losses.get(key, []), loss][-self.window :]
            if len(seen) < self.window or not view.far:
                continue
            even = np.linspace(self._turns[0], self._turns[-1], self.window)
            rows = period(np.interp(even, self._turns, seen), self.strength)
            if rows is not None:
                sentence = sentence or f"the loss of {key} goes round with a period of about {rows * (even[1] - even[0]):.0f} turns"
        return sentence

    def state_dict(self) -> dict[str, Any]:
        return {"turns": list(self._turns), "losses": {key: list(losses) for key, losses in self._losses.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._turns = list(state["turns"])
        self._losses = {key: list(losses) for key, losses in state["losses"].items()}


def period(losses: Sequence[float] | np.ndarray, strength: float = 0.5) -> int | None:
    """Return the period of a series of W numbers in rows, or None; `strength` is the least correlation.

    Example:
        >>> period([math.sin(2 * math.pi * t / 12) for t in range(48)])
        12
        >>> period([0.5**t for t in range(48)]), period([1.0] * 48)
        (None, None)
    """
    with np.errstate(over="ignore", invalid="ignore"):  # losses of a run that diverges
        centred = np.asarray(losses) - np.mean(losses)
    size = np.abs(centred).max()
    if not np.isfinite(size) or size <= 1e-12 * (1 + abs(float(np.mean(losses)))):
        return None
    centred = centred / size  # or squares of large losses overflow
    rows = len(centred)

    def correlation(lag: int) -> float:
        early, late = centred[: rows - lag], centred[lag:]
        size = math.sqrt(float(early @ early) * float(late @ late))
        return float(early @ late) / size if size > 0 else 0.0

    half = [correlation(lag) for lag in range(2, rows // 3 + 1)]
    if min(half) > -strength:
        return None
    lag = 2 + next(place for place, c in enumerate(half) if c < 0.8 * min(half))  # a series repeats at every multiple of its period
    whole = {k: correlation(k) for k in range(math.ceil(1.5 * lag), min(math.floor(2.5 * lag), rows - rows // 4) + 1)}
    best = max(whole, key=lambda k: whole[k], default=None)
    return None if best is None or whole[best] < strength else best
