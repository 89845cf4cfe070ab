"""The registry: from a name to a game, player, rule, scheduler, schedule, optimizer, diagnostic or alarm."""

from arena.registry.entries import KINDS, Entry, dashed, entries, register
from arena.registry.lookup import lookup

__all__ = ["KINDS", "Entry", "dashed", "entries", "lookup", "register"]
