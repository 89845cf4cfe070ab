"""What was measured of a game."""

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
    """What was measured of a game; times are seconds per turn.

    Args:
        config: what was played.
        threads: CPU threads of torch.
        turns: turns in a chunk.
        chunks: how many chunks of each were timed.
        arena: the turn as in a run, with its trace.
        by_hand: the loop by hand.
        floor: the bare tensor work.
        ratio: time by hand over the arena's, chunk by chunk: above 1 the arena is faster.
        share: the floor's time over the arena's, chunk by chunk: how much of the turn no loop can avoid.
        stages: what the arena's turn is made of, by name; they add up to it, with `the rest`.
        plain: whether the loop by hand plays the same rule; else it plays plain gradient steps, and the ratio shows what the rule costs.
    """

    config: Config
    threads: int
    turns: int
    chunks: int
    arena: Spread
    by_hand: Spread
    floor: Spread
    ratio: Spread
    share: Spread
    stages: dict[str, float]
    plain: bool
