"""The registry: from a name to a game, player, rule, scheduler, schedule, optimizer, diagnostic or alarm."""

from arena.registry.entries import KINDS, Entry, dashed, entries, lookup, register

__all__ = ["KINDS", "Entry", "dashed", "entries", "lookup", "register"]
