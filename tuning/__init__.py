"""Tuning: sensitivity sweeps over any setting of a game."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.tuning.options import Options
    from arena.tuning.play import sweep
    from arena.tuning.played import Played
    from arena.tuning.space import Space, parse_space

__all__ = ["Options", "Played", "Space", "parse_space", "sweep"]

_FROM = {"Options": "options", "Played": "played", "Space": "space", "parse_space": "space", "sweep": "play"}


def __getattr__(name: str) -> Any:
    """What the package offers, imported when it is asked for: `arena --help` reads this package's command and must not load torch."""
    if name not in _FROM:
        raise AttributeError(f"module 'arena.tuning' has no attribute '{name}'")
    return getattr(importlib.import_module(f"arena.tuning.{_FROM[name]}"), name)
