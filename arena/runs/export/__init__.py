"""Take players and games out of a run folder; one file for each format."""

from arena.runs.export.loading import load_game, load_player
from arena.runs.export.writing import export

__all__ = ["export", "load_game", "load_player"]
