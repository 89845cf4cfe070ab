"""Warm-up: a head start for one player, then another scheduler."""

from arena.errors import check_number
from arena.schedulers.alternating import Alternating
from arena.schedulers.base import Action, Moment, Scheduler
from arena.schedulers.simultaneous import Simultaneous


class WarmUp(Scheduler):
    """A head start: in the first part of the run one player moves alone, or both move at λ = 0; then another scheduler takes over.

    Args:
        fraction: Length of the head start as a part of the declared turns, in [0, 1].
        first: Share of player 1 during the head start.
        second: Share of player 2 during the head start.
        coupled: Whether the players are coupled during the head start; False plays at λ = 0.
        ratio: Ratio of the alternation afterwards; 0 is simultaneous.

    Raises:
        BadSetting: For a fraction or share outside [0, 1].

    Example:
        >>> warm = WarmUp(fraction=0.5, first=0.0, ratio=0)
        >>> warm.action(Moment(turn=4, turns=10)), warm.action(Moment(turn=5, turns=10))
        ((0.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    """

    def __init__(self, fraction: float = 0.1, first: float = 0.0, second: float = 1.0, coupled: bool = True, ratio: int = 1):
        check_number("fraction", fraction, least=0, most=1)
        check_number("first", first, least=0, most=1)
        check_number("second", second, least=0, most=1)
        self.fraction, self.first, self.second, self.coupled = fraction, first, second, coupled
        self.after = Alternating(ratio) if ratio else Simultaneous()

    @property
    def period(self) -> int:
        return self.after.period

    def action(self, moment: Moment) -> Action:
        if moment.progress < self.fraction:
            return self.first, self.second, moment.coupling if self.coupled else 0.0
        return self.after.action(moment)
