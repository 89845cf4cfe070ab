"""A case: the trace and the configuration of a run, as ailments read them.

A series has the turns at which a number was recorded, and the numbers; rows without the number, or with one that was not finite, are left
out. Numbers of single turns are noisy, so that ailments compare medians over parts of a run.

Shapes: T = rows that have a number.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Series = tuple[np.ndarray, np.ndarray]
"""Turns (T,) and numbers (T,)."""

LATE = 0.6
"""Progress, as a share of the turns played, from which a run counts as late."""
LEAST = 12
"""Least number of rows that can be judged."""
FAR = 4.0
"""Multiple of the score of real data above which a score is far from good. Short healthy runs of the planar games end at 1.6 to 3.5."""
FAR_SHARE = 0.1
"""Share of the first score above which a score is far from good if the game has no score of real data."""
ADAPTIVE = ("adam", "adamw", "amsgrad", "nadam", "radam", "adamax", "rmsprop", "fused-adam", "optimistic-adam", "sign")
"""Optimizers whose steps do not scale with the gradient."""


class Case:
    """The trace and the configuration of one run.

    Args:
        rows: Rows of turns, in order.
        settings: The configuration by dotted name; empty if it is unknown.
        end: The end row; empty if the run has not ended.

    Example:
        >>> case = Case([{"kind": "turn", "turn": t, "score": 1 / (1 + t), "x.moves": t, "y.moves": t} for t in range(0, 100, 5)], {})
        >>> case.roles, case.turns, round(case.late("score"), 4)
        (('x', 'y'), 95, 0.0128)
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], end: Mapping[str, Any] | None = None):
        self.rows, self.settings, self.end = rows, settings, end or {}
        self.status = str(self.end.get("status", "unfinished"))
        self.turns = int(rows[-1]["turn"]) if rows else 0
        names = dict.fromkeys(name.removesuffix(".moves") for row in (*rows[:2], *rows[-2:]) for name in row if name.endswith(".moves"))
        self.roles = tuple(names)[:2] if len(names) >= 2 else ("", "")
        self._series: dict[str, Series] = {}

    # Numbers ----------------------------------------------------------------------------------------------------------------

    def of(self, name: str) -> Series:
        """Return the turns and the numbers of a field of the rows; both are empty if it was never recorded."""
        if name not in self._series:
            values = np.array([row.get(name) for row in self.rows], dtype=np.float64)  # NaN for None
            finite = np.isfinite(values)
            self._series[name] = self._turns[finite], values[finite]
        return self._series[name]

    def part(self, name: str, begin: float = LATE, end: float = 1.0) -> np.ndarray:
        """Return the numbers of a field between two shares of the turns played."""
        turns, values = self.of(name)
        return values[(turns >= begin * self.turns) & (turns <= end * self.turns)]

    def late(self, name: str, begin: float = LATE, end: float = 1.0) -> float:
        """Return the median of a field over the late part of the run; NaN if it was not recorded there."""
        found = self.part(name, begin, end)
        return float(np.median(found)) if len(found) else math.nan

    def first(self, name: str) -> float:
        """Return the first number of a field; NaN if there is none."""
        values = self.of(name)[1]
        return float(values[0]) if len(values) else math.nan

    def since(self, name: str, holds: Any) -> int:
        """Return the turn from which nine tenths of the later numbers of a field satisfy a condition on arrays.

        Example:
            >>> rows = [{"turn": t, "x.loss": float(t < 30)} for t in range(0, 100, 10)]
            >>> Case(rows, {}).since("x.loss", lambda loss: loss < 0.5)
            30
        """
        turns, values = self.of(name)
        if not len(values):
            return 0
        good = np.asarray(holds(values), dtype=np.float64)
        later = np.cumsum(good[::-1])[::-1] / np.arange(len(good), 0, -1)
        there = np.flatnonzero((later >= 0.9) & (good > 0))
        return int(turns[there[0]]) if len(there) else int(turns[-1])

    def setting(self, name: str, otherwise: Any = None) -> Any:
        """Return a setting; `otherwise` if the configuration does not have it."""
        found = self.settings.get(name, self.settings.get(f"{name}.name", otherwise))
        return otherwise if isinstance(found, Mapping) else found

    def number(self, name: str) -> float:
        """Return a setting that is a number; NaN if it is none."""
        found = self.setting(name)
        return float(found) if isinstance(found, (int, float)) and not isinstance(found, bool) else math.nan

    # Judgements -------------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _turns(self) -> np.ndarray:
        return np.array([row["turn"] for row in self.rows], dtype=np.float64)

    @functools.cached_property
    def long_enough(self) -> bool:
        """Whether there are enough rows to be judged."""
        return sum("score" in row for row in self.rows) >= 4 and len(self.rows) >= LEAST

    @property
    def ceiling(self) -> float:
        """The score of real data; NaN if there is none."""
        return self.first("ceiling")

    @property
    def limit(self) -> float:
        """The score above which the run is far from good; NaN if no score was recorded."""
        ceiling = self.ceiling
        return FAR * ceiling if ceiling > 0 else FAR_SHARE * abs(self.first("score"))

    @property
    def far(self) -> bool:
        """Whether the late scores are far from good."""
        return self.status == "diverged" or self.late("score", 0.8) > self.limit

    @property
    def goal(self) -> str:
        """The score of a run that is not far from good, in words."""
        return f"below {self.limit:.3g}" + (", four times that of real data" if self.ceiling > 0 else ", a tenth of the first")

    @property
    def logistic(self) -> bool:
        """Whether D(x) is the probability that the discriminator is trained to give."""
        return self.setting("loss", "non-saturating") in ("non-saturating", "saturating")

    @property
    def of_gan(self) -> tuple[str, str] | None:
        """The fields of the discriminator's mean probabilities of data and of generated examples; None if there are none."""
        return ("game.D(x)", "game.D(G(z))") if len(self.of("game.D(x)")[1]) else None

    @property
    def gap(self) -> float:
        """D(x) − D(G(z)), late; NaN if the game has none."""
        names = self.of_gan
        return self.late(names[0]) - self.late(names[1]) if names else math.nan

    def path(self, role: str) -> float:
        """Return the length of a player's path in its parameters: its mean measured update times its moves; NaN if unknown."""
        moves, updates = self.of(f"{role}.moves")[1], self.of(f"{role}.update_norm")[1]
        return float(moves[-1] * np.mean(updates)) if len(moves) and len(updates) else math.nan

    def adaptive(self, role: str) -> bool:
        """Whether a player's optimizer takes steps whose length does not depend on the gradient's."""
        return str(self.setting(f"{role}.optimizer", "")).partition("(")[0] in ADAPTIVE

    def rate(self, role: str) -> float:
        """Return a player's learning rate; NaN if unknown."""
        return self.number(f"{role}.lr")
