"""Balance: a feedback controller of the coupling that keeps a signal in a band."""

from collections.abc import Mapping
from typing import Any

from arena.errors import UnknownName, check_number
from arena.schedulers.base import Action, Moment, Scheduler


class Balance(Scheduler):
    """(1, 1, bλ): both move in every turn, and b in (0, 1] keeps a signal in a band.

    Every few turns b is multiplied by 1 + rate if the signal's running mean is above the band, and divided by 1 + rate if the mean is
    below: if a domain classifier is right too often, the extractor is weighted more to hide the domains. λ is the value of the coupling
    schedule.

    Args:
        signal: Name of the signal, as in the trace.
        low: Lower edge of the band.
        high: Upper edge of the band.
        rising: Whether b rises if the signal is above the band; false if b must fall.
        start: Value of b at the beginning, in (0, 1].
        rate: Relative change of b per step, above 0.
        every: Turns between steps, because each step waits for the device.
        memory: Weight of earlier values in the running mean, in [0, 1).

    Raises:
        BadSetting: For a number out of its range, or if the lower edge is above the upper one.
        UnknownName: In a run, for a signal that the game does not have.

    Example:
        >>> balance = Balance(start=0.5, rate=0.1, every=1, memory=0.0)
        >>> [round(balance.action(Moment(t, 9, 1.0, {"game.domain_accuracy": a}))[2], 3) for t, a in enumerate((0.9, 0.9, 0.7, 0.5))]
        [0.55, 0.605, 0.605, 0.55]
    """

    FLOOR = 1e-3
    """Smallest b, above 0 so that b can recover by multiplication."""

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
        if moment.turn != self.last and moment.signals:  # a second call in the same turn changes nothing
            self._adjust(moment)
        self.last = moment.turn
        self.observes = (moment.turn + 1) % self.every == 0
        return 1.0, 1.0, self.factor * moment.coupling

    def _adjust(self, moment: Moment) -> None:
        value = moment.signals.get(self.signal)
        if value is None:
            if moment.turn > 0:  # before the first batch a game has no signals of its own
                raise UnknownName("signal", self.signal, moment.signals)
            return
        self.mean = value if self.mean is None else self.memory * self.mean + (1 - self.memory) * value
        above = (self.mean > self.high) - (self.mean < self.low)
        self.factor = min(1.0, max(self.FLOOR, self.factor * (1 + self.rate) ** (above if self.rising else -above)))

    def state_dict(self) -> dict[str, Any]:
        return {"factor": self.factor, "mean": self.mean, "last": self.last, "observes": self.observes}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.factor, self.mean, self.last = state["factor"], state["mean"], state["last"]
        self.observes = state["observes"]
