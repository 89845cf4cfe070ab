"""Registry: games, players, rules, schedulers, schedules, optimizers, diagnostics and alarms by name."""

from arena.registry.entries import KINDS, Entry, dashed, entries, register
from arena.registry.lookup import lookup

__all__ = ["KINDS", "Entry", "dashed", "entries", "lookup", "register"]
