"""Schedulers: from what can be seen of a run to the next action (share of player 1, share of player 2, coupling).

A scheduler is a policy. Those here are written by hand and look only at the turn, so that nothing waits for the device; one that
wants signals sets `observes`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from arena.errors import BadSetting, GameFault, check_number

Action = tuple[float, float, float]
"""(share of player 1, share of player 2, coupling), each in [0, 1]."""


class Moment(NamedTuple):
    """What a scheduler sees before a turn.

    Args:
        turn: turns played so far.
        turns: turns declared for the run.
        coupling: λ in [0, 1] that the coupling schedule gives for now.
        signals: raw signals by name of the last turn; empty unless the scheduler `observes`.
    """

    turn: int
    turns: int
    coupling: float = 1.0
    signals: Mapping[str, float] = MappingProxyType({})

    @property
    def progress(self) -> float:
        """Turns played over turns declared, in [0, 1]."""
        return min(self.turn / self.turns, 1.0) if self.turns else 0.0


class Scheduler:
    """From a moment to an action; override `action`.

    Class attributes:
        observes: True where `action` reads `moment.signals` (costs a wait for the device in every turn).

    Example:
        >>> class Coin(Scheduler):
        ...     def action(self, moment):
        ...         return (1.0, 0.0, moment.coupling) if moment.turn % 2 else (0.0, 1.0, moment.coupling)
        >>> Coin().action(Moment(turn=0, turns=10))
        (0.0, 1.0, 1.0)
    """

    observes: ClassVar[bool] = False

    def action(self, moment: Moment) -> Action:
        raise GameFault(f"the scheduler {type(self).__name__} has no action(moment); write one that returns two shares and λ")

    @property
    def period(self) -> int:
        """Turns within which every player moves at least once."""
        return 1

    def state_dict(self) -> dict[str, Any]:
        """What the scheduler remembers between turns, as tensors, numbers and strings."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class Simultaneous(Scheduler):
    """(1, 1, λ): both players move in every turn, from the same point, on the same batch.

    Example:
        >>> Simultaneous().action(Moment(turn=3, turns=10))
        (1.0, 1.0, 1.0)
    """

    def action(self, moment: Moment) -> Action:
        return 1.0, 1.0, moment.coupling


class Alternating(Scheduler):
    """(0, 1, λ) `ratio` times, then (1, 0, λ): player 2 (a discriminator, say) moves `ratio` times to each move of player 1.

    Args:
        ratio: moves of player 2 per move of player 1; a negative one means moves of player 1 per move of player 2.

    Raises:
        BadSetting: for a ratio that is zero or not a whole number.

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


class TwoTimescale(Scheduler):
    """(s₁, s₂, λ): both move in every turn, one on a slower clock (Heusel et al., arXiv:1706.08500).

    Args:
        first: share of player 1, in (0, 1].
        second: share of player 2, in (0, 1].

    Raises:
        BadSetting: for a share outside (0, 1].

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


class WarmUp(Scheduler):
    """A head start: for a first part of the run one player moves alone (or both do at λ = 0), then another scheduler takes over.

    Args:
        fraction: part of the declared turns that the head start lasts, in [0, 1].
        first: share of player 1 meanwhile.
        second: share of player 2 meanwhile.
        coupled: whether the players feel each other meanwhile; False plays at λ = 0.
        ratio: ratio of the alternation afterwards; 0 is simultaneous.

    Raises:
        BadSetting: for a fraction or share outside [0, 1].

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
