"""A laboratory for two-player optimisation: games as Gymnasium environments, update rules, schedulers, traces.

Names are imported on first use, so that `arena --help` answers without loading torch. Their types stand in `__init__.pyi`.
"""

import importlib
import sys
from typing import Any

__version__ = "0.1.0"

_NAMES = {
    "arena.checks.games": "check_game",
    "arena.checks.rules": "check_rule",
    "arena.config": "Config configure",
    "arena.config.duel": "Duel",
    "arena.core.field.field": "Field",
    "arena.core.game": "Clock Game",
    "arena.core.rng": "Rng",
    "arena.core.slot": "PlayerSource Slot",
    "arena.doctor.diagnosis": "diagnose",
    "arena.engine.env": "Arena",
    "arena.engine.vector_env": "Population",
    "arena.errors": "ArenaError GameFault",
    "arena.experiments.compare.play": "compare",
    "arena.experiments.map.play": "play_map",
    "arena.experiments.populations": "populations",
    "arena.registry": "register",
    "arena.report.write": "write_report",
    "arena.rules.base": "UpdateRule",
    "arena.rules.turn": "Turn",
    "arena.runs.export": "export load_game load_player",
    "arena.runs.play": "play resume",
    "arena.runs.result": "Result",
    "arena.runs.frame": "read",
    "arena.schedulers": "Moment Scheduler",
    "arena.trackers.base": "StopRun Tracker",
}

_WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'arena' has no attribute '{name}'")


if "gymnasium" in sys.modules:  # `gymnasium.make("arena:arena/Ring-v0")` imports this package and then expects its ids to be registered
    from arena.registry.entries import entries

    entries("game")
