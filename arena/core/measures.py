"""Evaluation of a game: the metric that is its score, the settings of metrics, and criteria for choosing a checkpoint."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Definitions:
    """Definitions of metrics in which papers differ.

    Args:
        radius: Distance from a mode, in standard deviations of the data around it, within which an example belongs to the mode.
        region: ball for the Euclidean distance, box for the distance along each axis.
        covered: Share of the examples above which a mode or class counts as covered; at 0 a single example is enough.
    """

    radius: float = 3.0
    region: Literal["ball", "box"] = "ball"
    covered: float = 0.01


@dataclass(frozen=True)
class Evaluation(Definitions):
    """Definitions of metrics, and the metric that is the score (the game's own score if empty)."""

    metric: str = ""


@dataclass(frozen=True)
class Criterion:
    """A metric by which a checkpoint may be chosen.

    Args:
        name: Name of the metric.
        higher_is_better: Direction of the metric.
        uses_oracle: Whether the metric uses an oracle, such as target labels, which are unknown when a checkpoint is chosen.
    """

    name: str
    higher_is_better: bool = True
    uses_oracle: bool = False

    @property
    def field(self) -> str:
        """Name of the metric in the trace."""
        return f"metrics.{self.name}"

    def best(self, rows: Rows) -> Mapping[str, Any] | None:
        """Return the earliest row with the best value; None if the metric was never measured.

        Example:
            >>> rows = [{"turn": 0, "metrics.entropy": 0.5}, {"turn": 5, "metrics.entropy": 0.1}, {"turn": 9}]
            >>> Criterion("entropy", higher_is_better=False).best(rows)["turn"]
            5
        """
        measured = [row for row in rows if is_finite(row.get(self.field))]
        sign = 1 if self.higher_is_better else -1
        return max(measured, key=lambda row: sign * row[self.field], default=None)


def is_finite(value: Any) -> TypeGuard[float]:
    """Return whether a recorded value is a finite number."""
    return isinstance(value, (int, float)) and math.isfinite(value)
