"""Schedulers: from what can be seen of a run to the next action (share of player 1, share of player 2, coupling).

A scheduler is a policy. Those here are written by hand and look only at the turn, so that nothing waits for the device; one that
wants signals sets `observes`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from arena.errors import BadSetting, GameFault, UnknownName, check_number

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

    Attributes:
        observes: True where the next `action` reads `moment.signals` (costs a wait for the device, and what the game's signals cost).

    Example:
        >>> class Coin(Scheduler):
        ...     def action(self, moment):
        ...         return (1.0, 0.0, moment.coupling) if moment.turn % 2 else (0.0, 1.0, moment.coupling)
        >>> Coin().action(Moment(turn=0, turns=10))
        (0.0, 1.0, 1.0)
    """

    _arena_kind: ClassVar[str] = "scheduler"
    observes: bool = False

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


class Balance(Scheduler):
    """(1, 1, bλ): both move in every turn, and b in (0, 1] keeps a signal in a band.

    Every few turns b is multiplied by 1 + rate where the signal's running mean is above the band, and divided by it where it is below:
    a domain classifier that is too often right makes the extractor hide the domains harder. λ is what the coupling schedule gives.

    Args:
        signal: name of the signal, as in the trace.
        low: lower edge of the band.
        high: upper edge of the band.
        rising: whether b rises where the signal is above the band; false where it must fall.
        start: b at the beginning, in (0, 1].
        rate: relative change of b at a time, above 0.
        every: turns between looks, since each look waits for the device.
        memory: weight of what was seen before in the running mean, in [0, 1).

    Raises:
        BadSetting: for a number out of its range, or a band that is none.
        UnknownName: in a run, for a signal that the game does not have.

    Example:
        >>> balance = Balance(start=0.5, rate=0.1, every=1, memory=0.0)
        >>> [round(balance.action(Moment(t, 9, 1.0, {"game.domain_accuracy": a}))[2], 3) for t, a in enumerate((0.9, 0.9, 0.7, 0.5))]
        [0.55, 0.605, 0.605, 0.55]
    """

    FLOOR = 1e-3
    """The smallest b, from which it can still come back."""

    def __init__(
        self,
        signal: str = "game.domain_accuracy",
        low: float = 0.6,
        high: float = 0.8,
        rising: bool = True,
        start: float = 1.0,
        rate: float = 0.05,
        every: int = 10,
        memory: float = 0.9,
    ):
        check_number("low", low)
        check_number("high", high, least=low)
        check_number("start", start, least=self.FLOOR, most=1)
        check_number("rate", rate, above=0)
        check_number("every", every, least=1, whole=True)
        check_number("memory", memory, least=0, below=1)
        self.signal, self.low, self.high, self.rising, self.rate, self.every, self.memory = signal, low, high, rising, rate, every, memory
        self.factor, self.mean, self.last = start, None, -1
        self.observes = True

    mean: float | None

    def action(self, moment: Moment) -> Action:
        if moment.turn != self.last and moment.signals:  # asked twice about one turn, it looks once
            self._look(moment)
        self.last = moment.turn
        self.observes = (moment.turn + 1) % self.every == 0
        return 1.0, 1.0, self.factor * moment.coupling

    def _look(self, moment: Moment) -> None:
        seen = moment.signals.get(self.signal)
        if seen is None:
            if moment.turn > 0:  # before the first batch a game has none of its own
                raise UnknownName("signal", self.signal, moment.signals)
            return
        self.mean = seen if self.mean is None else self.memory * self.mean + (1 - self.memory) * seen
        above = (self.mean > self.high) - (self.mean < self.low)
        self.factor = min(1.0, max(self.FLOOR, self.factor * (1 + self.rate) ** (above if self.rising else -above)))

    def state_dict(self) -> dict[str, Any]:
        return {"factor": self.factor, "mean": self.mean, "last": self.last, "observes": self.observes}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.factor, self.mean, self.last = state["factor"], state["mean"], state["last"]
        self.observes = state["observes"]
