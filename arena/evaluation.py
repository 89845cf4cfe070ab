"""How a game is measured: which of its metrics is the score, and when a generated example counts as good."""

from dataclasses import dataclass
from typing import Literal


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
