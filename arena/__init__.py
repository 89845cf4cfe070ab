"""A laboratory for two-player optimisation: games as Gymnasium environments, update rules, schedulers, traces.

Names are imported when they are first used, so that `arena --help` answers without loading torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from arena.check import check_game as check_game
    from arena.check_rules import check_rule as check_rule
    from arena.comparison.play import compare as compare
    from arena.config import Config as Config
    from arena.config import configure as configure
    from arena.env import Arena as Arena
    from arena.errors import ArenaError as ArenaError
    from arena.errors import GameFault as GameFault
    from arena.field import Field as Field
    from arena.game import Clock as Clock
    from arena.game import Game as Game
    from arena.game import PlayerSource as PlayerSource
    from arena.game import Rng as Rng
    from arena.game import Slot as Slot
    from arena.grouping import populations as populations
    from arena.loop import play as play
    from arena.loop import resume as resume
    from arena.population import Population as Population
    from arena.registry import register as register
    from arena.rules.base import Turn as Turn
    from arena.rules.base import UpdateRule as UpdateRule
    from arena.run import Result as Result
    from arena.schedulers import Moment as Moment
    from arena.schedulers import Scheduler as Scheduler

_WHERE = {
    "Arena": "arena.env",
    "ArenaError": "arena.errors",
    "GameFault": "arena.errors",
    "Clock": "arena.game",
    "Config": "arena.config",
    "Field": "arena.field",
    "Game": "arena.game",
    "Moment": "arena.schedulers",
    "PlayerSource": "arena.game",
    "Population": "arena.population",
    "Result": "arena.run",
    "Rng": "arena.game",
    "Scheduler": "arena.schedulers",
    "Slot": "arena.game",
    "Turn": "arena.rules.base",
    "UpdateRule": "arena.rules.base",
    "check_game": "arena.check",
    "check_rule": "arena.check_rules",
    "compare": "arena.comparison.play",
    "configure": "arena.config",
    "play": "arena.loop",
    "populations": "arena.grouping",
    "register": "arena.registry",
    "resume": "arena.loop",
}

__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'arena' has no attribute '{name}'")
