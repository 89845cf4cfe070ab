"""Maps: the score of one game over two settings, played as populations, with diverged and collapsed cells told apart."""

from arena.experiments.map.play import play_map
from arena.experiments.map.played import Map

__all__ = ["Map", "play_map"]
