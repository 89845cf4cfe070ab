"""A laboratory for two-player optimisation: games as Gymnasium environments, update rules, schedulers, traces.

Names are imported on first use, so that `arena --help` answers without loading torch. Their types stand in `__init__.pyi`.
"""

import importlib
import sys
from typing import Any

__version__ = "0.1.0"

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
