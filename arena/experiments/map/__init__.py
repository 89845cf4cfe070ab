"""Maps: the score of one game over two settings, played as populations, with diverged and collapsed cells told apart."""

from arena.experiments.map.play import Map, play_map

__all__ = ["Map", "play_map"]
