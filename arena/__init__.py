"""A laboratory for two-player optimisation: games as Gymnasium environments, update rules, schedulers, traces.

Names are imported when they are first used, so that `arena --help` answers without loading torch.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from arena.checks.games import check_game as check_game
    from arena.checks.rules import check_rule as check_rule
    from arena.config.config import Config as Config
    from arena.config.configure import configure as configure
    from arena.core.field.field import Field as Field
    from arena.core.game import Clock as Clock
    from arena.core.game import Game as Game
    from arena.core.rng import Rng as Rng
    from arena.core.slot import PlayerSource as PlayerSource
    from arena.core.slot import Slot as Slot
    from arena.engine.env import Arena as Arena
    from arena.engine.vector_env import Population as Population
    from arena.errors import ArenaError as ArenaError
    from arena.errors import GameFault as GameFault
    from arena.experiments.compare.play import compare as compare
    from arena.experiments.map.play import play_map as play_map
    from arena.experiments.populations import populations as populations
    from arena.registry.entries import register as register
    from arena.rules.base import UpdateRule as UpdateRule
    from arena.rules.turn import Turn as Turn
    from arena.runs.play import play as play
    from arena.runs.play import resume as resume
    from arena.runs.result import Result as Result
    from arena.schedulers.base import Moment as Moment
    from arena.schedulers.base import Scheduler as Scheduler

_WHERE = {
    "Arena": "arena.engine.env",
    "ArenaError": "arena.errors",
    "GameFault": "arena.errors",
    "Clock": "arena.core.game",
    "Config": "arena.config",
    "Field": "arena.core.field.field",
    "Game": "arena.core.game",
    "Moment": "arena.schedulers",
    "PlayerSource": "arena.core.slot",
    "Population": "arena.engine.vector_env",
    "Result": "arena.runs.result",
    "Rng": "arena.core.rng",
    "Scheduler": "arena.schedulers",
    "Slot": "arena.core.slot",
    "Turn": "arena.rules.turn",
    "UpdateRule": "arena.rules.base",
    "check_game": "arena.checks.games",
    "check_rule": "arena.checks.rules",
    "compare": "arena.experiments.compare.play",
    "configure": "arena.config",
    "play": "arena.runs.play",
    "play_map": "arena.experiments.map.play",
    "populations": "arena.experiments.populations",
    "register": "arena.registry",
    "resume": "arena.runs.play",
}

__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'arena' has no attribute '{name}'")


if "gymnasium" in sys.modules:  # `gymnasium.make("arena:arena/Ring-v0")` imports this package and then expects its ids to be registered
    from arena.registry.entries import entries

    entries("game")
