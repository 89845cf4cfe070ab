"""Ailment: a rule of thumb on the trace and the configuration of a run that has ended or stopped. It costs nothing in a turn.

A finding names the evidence (signals, since when, against which norm), the likeliest cause, and one change that may cure it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from arena.doctor.case import Case
from arena.errors import GameFault


@dataclass(frozen=True)
class Evidence:
    """A number that is not as it should be.

    Args:
        signal: Field of the trace, such as `game.D(x)`, or a setting.
        value: What was found: a number, or a word.
        norm: What a healthy run has, in words.
        since: Turn from which it has been so.

    Example:
        >>> print(Evidence("game.D(x)", 0.998, "near ½", 300))
        D(x) is 0.998 from turn 300 (healthy: near ½)
    """

    signal: str
    value: float | str
    norm: str
    since: int = 0

    @property
    def signals(self) -> tuple[str, ...]:
        """The single fields, if the number is a difference of two."""
        return tuple(self.signal.split(" − "))

    def __str__(self) -> str:
        told = f"{self.value:.3g}" if isinstance(self.value, (int, float)) else self.value
        name = self.signal.replace("game.", "").replace("metrics.", "").replace("_", " ")
        return f"{name} is {told}{f' from turn {self.since:,}' if self.since else ''} (healthy: {self.norm})"


@dataclass(frozen=True)
class Finding:
    """What ails a run.

    Args:
        evidence: The numbers that show it.
        cause: The likeliest cause, in a few words.
        change: One change, as settings by dotted name.
        severity: Rank among findings, in [0, 1]; a cause that the configuration confirms outranks a symptom.
        advice: The change in words.
        ailment: Name of the ailment; the doctor fills it in.
    """

    evidence: tuple[Evidence, ...]
    cause: str
    change: Mapping[str, Any] = field(default_factory=dict)
    severity: float = 0.5
    advice: str = ""
    ailment: str = ""


class Ailment:
    """Base class of ailments; override `look`.

    The first paragraph of a subclass's docstring describes the ailment, and `source` names where its rule comes from.

    Example:
        >>> class Loud(Ailment):
        ...     source = "an example"
        ...     def look(self, case):
        ...         loss = case.late("x.loss")
        ...         return Finding((Evidence("x.loss", loss, "below 100"),), "a large rate", {"x.lr": 1e-3}) if loss > 100 else None
        >>> Loud().look(Case([{"turn": t, "x.loss": 500.0} for t in range(9)], {})).change
        {'x.lr': 0.001}
    """

    _arena_kind: ClassVar[str] = "ailment"
    source: ClassVar[str] = ""
    """Where the rule comes from."""
    short: ClassVar[bool] = False
    """Whether the rule also applies to a run that is too short to be judged."""

    def look(self, case: Case) -> Finding | None:
        """Return what is found in a case, or None."""
        raise GameFault(f"the ailment {type(self).__name__} has no look(case); write one that returns a Finding or None")
