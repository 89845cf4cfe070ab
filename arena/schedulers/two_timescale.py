"""Two timescales: both players move in every turn, one with a smaller share of its learning rate."""

from arena.errors import check_number
from arena.schedulers.base import Action, Moment, Scheduler


class TwoTimescale(Scheduler):
    """(s₁, s₂, λ): both move in every turn, one on a slower clock (Heusel et al., arXiv:1706.08500).

    Args:
        first: Share of player 1, in (0, 1].
        second: Share of player 2, in (0, 1].

    Raises:
        BadSetting: For a share outside (0, 1].

    Example:
        >>> TwoTimescale(first=0.5).action(Moment(turn=0, turns=10))
        (0.5, 0.1, 1.0)
    """

    def __init__(self, first: float = 1.0, second: float = 0.1):
        check_number("first", first, above=0, most=1)
        check_number("second", second, above=0, most=1)
        self.first, self.second = first, second

    def action(self, moment: Moment) -> Action:
        return self.first, self.second, moment.coupling
