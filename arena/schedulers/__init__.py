"""Schedulers: policies that map an observation to the players' shares and the coupling."""

from arena.schedulers.base import Action, Alternating, Balance, Moment, Scheduler, Simultaneous, TwoTimescale, WarmUp

__all__ = ["Action", "Alternating", "Balance", "Moment", "Scheduler", "Simultaneous", "TwoTimescale", "WarmUp"]
