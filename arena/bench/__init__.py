"""A game measured: the arena's turn beside the loop by hand, the floor beneath both, and where the turn's time goes."""

from arena.bench.measurement import Measurement, Spread
from arena.bench.timing import measure

__all__ = ["Measurement", "Spread", "measure"]
