"""A game measured: the arena's turn beside the loop by hand, the floor beneath both, and where the turn's time goes."""

from arena.measuring.bench import measure
from arena.measuring.measurement import Measurement, Spread

__all__ = ["Measurement", "Spread", "measure"]
