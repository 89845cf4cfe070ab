"""The result of a measurement."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from arena.config.config import Config


@dataclass(frozen=True)
class Spread:
    """A median and its quartiles.

    Example:
        >>> Spread.of([1.0, 2.0, 3.0, 4.0, 9.0])
        Spread(low=1.5, middle=3.0, high=6.5)
        >>> Spread.of([2.0])
        Spread(low=2.0, middle=2.0, high=2.0)
    """

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(*(statistics.quantiles(values, n=4) if len(values) > 1 else list(values) * 3))


@dataclass(frozen=True)
class Measurement:
    """The result of a measurement; times are seconds per turn.

    Args:
        config: Configuration of the game.
        threads: CPU threads of torch.
        turns: Turns per chunk.
        chunks: Number of timed chunks of each kind.
        arena: A turn as in a run, with its trace.
        baseline: A turn of the plain loop.
        floor: The bare tensor work.
        ratio: Time of the plain loop over the arena's, by chunk: above 1 the arena is faster.
        share: The floor's time over the arena's, by chunk: the share of the turn that no loop can avoid.
        stages: Times of the stages of the arena's turn by name; with `the rest` they add up to the turn.
        plain: Whether the plain loop plays the same rule; else it plays gradient steps, and the ratio includes the cost of the rule.
    """

    config: Config
    threads: int
    turns: int
    chunks: int
    arena: Spread
    baseline: Spread
    floor: Spread
    ratio: Spread
    share: Spread
    stages: dict[str, float]
    plain: bool
