"""Schedulers: policies from the state of a run to the players' shares and the coupling. One file each; a new file here is found."""

from arena.schedulers.alternating import Alternating
from arena.schedulers.balance import Balance
from arena.schedulers.base import Action, Moment, Scheduler
from arena.schedulers.simultaneous import Simultaneous
from arena.schedulers.two_timescale import TwoTimescale
from arena.schedulers.warm_up import WarmUp

__all__ = ["Action", "Alternating", "Balance", "Moment", "Scheduler", "Simultaneous", "TwoTimescale", "WarmUp"]
