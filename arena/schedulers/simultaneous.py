"""Simultaneous moves: both players move in every turn."""

from arena.schedulers.base import Action, Moment, Scheduler


class Simultaneous(Scheduler):
    """(1, 1, λ): both players move in every turn, from the same point, on the same batch.

    Example:
        >>> Simultaneous().action(Moment(turn=3, turns=10))
        (1.0, 1.0, 1.0)
    """

    def action(self, moment: Moment) -> Action:
        return 1.0, 1.0, moment.coupling
