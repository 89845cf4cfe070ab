"""Registry: games, players, rules, schedulers, schedules, optimizers, diagnostics, alarms, ailments and trackers by name."""

from arena.registry.entries import KINDS, Entry, dashed, entries, register
from arena.registry.lookup import lookup

__all__ = ["KINDS", "Entry", "dashed", "entries", "lookup", "register"]
