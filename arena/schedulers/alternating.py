"""Alternating moves: one player moves a number of times, then the other once."""

from arena.errors import BadSetting, check_number
from arena.schedulers.base import Action, Moment, Scheduler


class Alternating(Scheduler):
    """(0, 1, λ) `ratio` times, then (1, 0, λ): player 2 (a discriminator, say) moves `ratio` times to each move of player 1.

    Args:
        ratio: Moves of player 2 per move of player 1; a negative ratio means moves of player 1 per move of player 2.

    Raises:
        BadSetting: For a ratio that is zero or not a whole number.

    Example:
        >>> [Alternating(ratio=2).action(Moment(t, 9))[:2] for t in range(4)]
        [(0.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 1.0)]
        >>> [Alternating(ratio=-2).action(Moment(t, 9))[:2] for t in range(3)]
        [(0.0, 1.0), (1.0, 0.0), (1.0, 0.0)]
    """

    def __init__(self, ratio: int = 1):
        check_number("ratio", ratio, whole=True)
        if ratio == 0:
            raise BadSetting("ratio", ratio, "a whole number other than 0; the simultaneous scheduler moves both at once")
        self.ratio = ratio

    @property
    def period(self) -> int:
        return abs(self.ratio) + 1

    def action(self, moment: Moment) -> Action:
        seconds = max(self.ratio, 1)
        second_moves = moment.turn % self.period < seconds
        return (0.0, 1.0, moment.coupling) if second_moves else (1.0, 0.0, moment.coupling)
