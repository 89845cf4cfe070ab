"""Tuning: sensitivity sweeps over any setting of a game."""

from tuning.options import Options
from tuning.play import Played, sweep
from tuning.space import Space, parse_space

__all__ = ["Options", "Played", "Space", "parse_space", "sweep"]
