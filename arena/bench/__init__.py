"""Timing of a game: the arena's turn beside a plain loop, the lower bound of both, and the stages of the turn."""

from arena.bench.measurement import Measurement, Spread
from arena.bench.timing import measure

__all__ = ["Measurement", "Spread", "measure"]
