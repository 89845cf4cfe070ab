"""Errors that a person can act on.

Every error of the project is an `ArenaError` whose text is one sentence: what was found, what was expected, the likeliest mend.
The command line prints that sentence and exits with `exit_code`: 2 where the input is at fault, 1 where a run failed.
"""

import difflib
import math
from collections.abc import Iterable
from typing import Any


class ArenaError(Exception):
    """Base of every error that the project raises on purpose."""

    exit_code = 2


class ArenaWarning(UserWarning):
    """What the project warns of on purpose; the command line shows it as its sentence, without a place in the code."""


class UnknownName(ArenaError):
    """A name that nothing is registered under, with the nearest one that exists; or, where `known` is None, with what else to do."""

    def __init__(self, what: str, name: str, known: Iterable[str] | None, hint: str = ""):
        super().__init__(f"unknown {what} '{name}': {'' if known is None else did_you_mean(name, known)}{hint}")


class BadSetting(ArenaError):
    """A setting whose value is of the wrong type or out of its range.

    `prefixed` puts the place of the setting (`rule`, `generator`) before its name once that place is known.
    """

    def __init__(self, name: str, found: object, expected: str):
        super().__init__(f"{name} is {found!r}, but must be {expected}")
        self.name, self.found, self.expected = name, found, expected

    def prefixed(self, place: str) -> "BadSetting":
        return BadSetting(f"{place}.{self.name}", self.found, self.expected) if place else self


class SlotMismatch(ArenaError):
    """A player that does not fit the slot of its role."""


class GameFault(ArenaError):
    """A game that breaks the contract of `arena.Game`."""


class DataUnavailable(ArenaError):
    """A data set that is neither on disk nor to be had."""


class DataDamaged(ArenaError):
    """A data file whose content is not what was published."""


class CheckpointUnusable(ArenaError):
    """A checkpoint that is damaged, or belongs to another game or version."""


class FolderInTheWay(ArenaError):
    """A run folder that exists already; nothing is ever overwritten."""


class RuleUndefined(ArenaError):
    """An update rule that has no answer here: an equation that cannot be solved, or a game that lacks what the rule needs."""

    exit_code = 1


class RunFailed(ArenaError):
    """A run that could not go on, through no fault of its configuration."""

    exit_code = 1


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest known name as a question, or the list of all where none is near.

    Example:
        >>> did_you_mean("extragradiant", ["simultaneous", "extragradient"])
        "did you mean 'extragradient'?"
        >>> did_you_mean("zzz", ["simultaneous", "extragradient"])
        'there are extragradient and simultaneous.'
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.6)
    if near:
        return f"did you mean '{next(n for n in names if n.lower() == near[0])}'?"
    if not names:
        return "there are none."
    if len(names) == 1:
        return f"there is only {names[0]}."
    if len(names) > 16:
        return f"it is near none of the {len(names)} there are; --help lists them."
    return f"there are {', '.join(names[:-1])} and {names[-1]}."


def refuse(where: Any, why: str, **numbers: Any) -> None:
    """Raise where a rule has no answer.

    Args:
        where: one bool, or a tensor of one.
        why: the sentence, with `numbers` to be filled in.

    Raises:
        RuleUndefined: where it holds.

    Example:
        >>> refuse(1 > 2, "the system is not finite after {done} iterations", done=3)
    """
    if bool(where):
        raise RuleUndefined(why.format(**{name: n.item() if hasattr(n, "item") else n for name, n in numbers.items()}))


def check_number(
    name: str,
    value: float,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    whole: bool = False,
) -> None:
    """Refuse a number that is not finite, not whole where it must be, or out of its range.

    Raises:
        BadSetting: with the name, the value and the range.

    Example:
        >>> check_number("lr", 1e-3, above=0)
        >>> check_number("batch", -3, least=1, whole=True)
        Traceback (most recent call last):
        ...
        arena.errors.BadSetting: batch is -3, but must be a whole number of at least 1
    """
    words = ["a whole number" if whole else "a finite number"]
    bounds = []
    if above is not None:
        bounds.append(f"above {above:g}")
    if least is not None:
        bounds.append(f"of at least {least:g}")
    if below is not None:
        bounds.append(f"below {below:g}")
    if most is not None:
        bounds.append(f"of at most {most:g}")
    expected = " ".join([*words, " and ".join(bounds)]).strip()
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    if (
        not numeric
        or not math.isfinite(value)
        or (whole and value != int(value))
        or (above is not None and value <= above)
        or (least is not None and value < least)
        or (below is not None and value >= below)
        or (most is not None and value > most)
    ):
        raise BadSetting(name, value, expected)


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a word that is not among the choices.

    Example:
        >>> check_choice("loss", "non-saturatin", ["saturating", "non-saturating"])
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown loss 'non-saturatin': did you mean 'non-saturating'?
    """
    if value not in set(choices):
        raise UnknownName(name, value, choices)


def first_line(error: object) -> str:
    """Return the first line of an error's text, or its class's name if it has none.

    Example:
        >>> first_line(ValueError("bad shape\\nat 0x7f")), first_line(KeyError())
        ('bad shape', 'KeyError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]
