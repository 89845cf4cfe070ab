"""How a game is measured: the metric that is its score, when a generated example counts as good, and how to choose a checkpoint."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Evaluation:
    """What papers differ in when they measure the same thing; the settings `metric`, `metrics.radius`, `metrics.region`, `metrics.covered`.

    Args:
        metric: name of the metric that is the score; the game's own score where it is empty.
        radius: distance from a mode, in standard deviations of the data around it, within which an example belongs to the mode.
        region: ball: the distance is Euclidean; box: it is that along each axis.
        covered: share of the examples that a mode or a class needs to count as covered; with 0 a single one is enough.
    """

    metric: str = ""
    radius: float = 3.0
    region: Literal["ball", "box"] = "ball"
    covered: float = 0.01


@dataclass(frozen=True)
class Criterion:
    """A metric by which a checkpoint may be chosen.

    Args:
        name: of the metric.
        higher_is_better: which way.
        peeks: whether it looks at what nobody has when a choice must be made, such as target labels.
    """

    name: str
    higher_is_better: bool = True
    peeks: bool = False

    @property
    def field(self) -> str:
        """Its name in the trace."""
        return f"metrics.{self.name}"

    def best(self, rows: Rows) -> Mapping[str, Any] | None:
        """The row at which it was best, the earliest of several; None where it was never measured.

        Example:
            >>> rows = [{"turn": 0, "metrics.entropy": 0.5}, {"turn": 5, "metrics.entropy": 0.1}, {"turn": 9}]
            >>> Criterion("entropy", higher_is_better=False).best(rows)["turn"]
            5
        """
        there = [row for row in rows if is_finite(row.get(self.field))]
        sign = 1 if self.higher_is_better else -1
        return max(there, key=lambda row: sign * row[self.field], default=None)


def is_finite(value: Any) -> bool:
    """Return whether a recorded value is a finite number."""
    return isinstance(value, (int, float)) and math.isfinite(value)
