"""Errors that a person can act on.

Every error of the project is an `ArenaError` whose text says what is wrong, what was expected, and the likeliest fix.
The command line prints that text and exits with `exit_code`: 2 if the input is wrong, 1 if a run failed.
"""

import difflib
import math
import operator
import re
from collections.abc import Iterable
from typing import Any

ECHO = 60
"""Most characters of a value that an error repeats."""


def shown(value: object) -> str:
    """Return a value as printable text, a word in quotes, cut to `ECHO` characters.

    Example:
        >>> shown("a\\nb"), shown([0.5, None])
        ("'a\\\\nb'", '[0.5, None]')
        >>> len(shown("a" * 999)), len(shown(10**9999))
        (60, 60)
    """
    try:
        text = repr(value[:ECHO] if isinstance(value, (str, bytes)) else value)
    except (RecursionError, ValueError):  # a value inside itself, or a whole number of more digits than Python prints
        text = f"a huge {type(value).__name__} …".ljust(ECHO)
    return text if len(text) <= ECHO else f"{text[: ECHO - 1]}…"


def in_one_line(text: str) -> str:
    """Return text in which letters that cannot be printed are escaped, and words in quotes are cut to `ECHO` characters.

    Example:
        >>> in_one_line(f"unknown rule 'a\\n{'b' * 99}': see --help")
        "unknown rule 'a\\\\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…': see --help"
    """
    whole = "".join(letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text)
    return re.sub(rf"(?<!\w)'([^']{{{ECHO - 1}}})[^']{{2,}}'(?!\w)", r"'\1…'", whole)


class ArenaError(Exception):
    """Base class of every error that the project raises on purpose: one line, whatever it repeats."""

    exit_code = 2

    def __init__(self, text: str = ""):
        super().__init__(in_one_line(text))


class ArenaWarning(UserWarning):
    """A warning of the project; the command line prints its text without a place in the code."""


class UnknownName(ArenaError):
    """An unknown name, with the nearest known one; if `known` is None, with a hint alone. `listing` prints all names."""

    def __init__(self, what: str, name: str, known: Iterable[str] | None, hint: str = "", listing: str = "--help"):
        self.what, self.name, self.known = what, name, sorted(set(known or ()))
        super().__init__(f"unknown {what} '{name}': {'' if known is None else did_you_mean(name, self.known, listing)}{hint}")

    @property
    def nearness(self) -> float:
        """The similarity of the nearest known name, from 0 to 1."""
        return max((difflib.SequenceMatcher(None, self.name[:ECHO], name).ratio() for name in self.known), default=0.0)


class BadSetting(ArenaError):
    """A value of the wrong type or out of its range.

    `prefixed` puts the place of the setting (`rule`, `generator`) before its name.
    """

    def __init__(self, name: str, found: object, expected: str):
        super().__init__(f"{name} is {shown(found)}, but must be {expected}")
        self.name, self.found, self.expected = name, found, expected

    def prefixed(self, place: str) -> "BadSetting":
        return BadSetting(f"{place}.{self.name}", self.found, self.expected) if place else self


class Untrusted(ArenaError):
    """A file that names code which its reader has neither typed nor trusted."""


class SlotMismatch(ArenaError):
    """A player that does not fit the slot of its role."""


class GameFault(ArenaError):
    """A game that breaks the contract of `arena.Game`."""


class DataUnavailable(ArenaError):
    """A data set that is not on disk and cannot be downloaded."""


class DataDamaged(ArenaError):
    """A data file whose content differs from the published one."""


class CheckpointUnusable(ArenaError):
    """A checkpoint that belongs to another game or version, or does not fit."""


class CheckpointDamaged(CheckpointUnusable):
    """A checkpoint whose file is truncated or altered."""


class FolderInTheWay(ArenaError):
    """A run folder that exists already; nothing is ever overwritten."""


class RuleUndefined(ArenaError):
    """An update that is undefined: an equation that cannot be solved, or a game that lacks what the rule needs."""

    exit_code = 1


class RunFailed(ArenaError):
    """A run that failed for a reason outside its configuration."""

    exit_code = 1


def did_you_mean(name: str, known: Iterable[str], listing: str = "--help") -> str:
    """Return the nearest known name as a question, or the list of all names if none is near; of many, the command that lists them.

    Example:
        >>> did_you_mean("extragradiant", ["simultaneous", "extragradient"])
        "did you mean 'extragradient'?"
        >>> did_you_mean("zzz", ["simultaneous", "extragradient"])
        'there are extragradient and simultaneous.'
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(name[:ECHO].lower(), [n.lower() for n in names], n=1, cutoff=0.6)
    if near:
        return f"did you mean '{next(n for n in names if n.lower() == near[0])}'?"
    if not names:
        return "there are none."
    if len(names) == 1:
        return f"there is only {names[0]}."
    if len(names) > 16:
        return f"no similar name among {len(names)}; see {listing}."
    return f"there are {', '.join(names[:-1])} and {names[-1]}."


def refuse(where: Any, why: str, **numbers: Any) -> None:
    """Raise RuleUndefined with the sentence `why`, filled with `numbers`, if `where`, a bool or a tensor of one, is true.

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
    """Raise for a number that is not finite, not whole if it must be, or out of its range.

    Raises:
        BadSetting: With the name, the value and the range.

    Example:
        >>> check_number("lr", 1e-3, above=0)
        >>> check_number("batch", -3, least=1, whole=True)
        Traceback (most recent call last):
        ...
        arena.errors.BadSetting: batch is -3, but must be a whole number of at least 1
    """
    bounds = (
        ("above", above, operator.gt),
        ("of at least", least, operator.ge),
        ("below", below, operator.lt),
        ("of at most", most, operator.le),
    )
    fits = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value) and not (whole and value != int(value)))
    fits = fits and not isinstance(value, bool)
    for _, bound, holds in bounds:
        fits = fits and (bound is None or holds(value, bound))
    if not fits:
        expected = " and ".join(f"{words} {bound:g}" for words, bound, _ in bounds if bound is not None)
        raise BadSetting(name, value, f"a {'whole' if whole else 'finite'} number {expected}".strip())


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise for a word that is not among the choices.

    Example:
        >>> check_choice("loss", "non-saturatin", ["saturating", "non-saturating"])
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown loss 'non-saturatin': did you mean 'non-saturating'?
    """
    if value not in (known := list(choices)):
        raise UnknownName(name, value, known)


def typed(path: object) -> str:
    """Return a path as it is typed in a shell, for the command of a fix.

    Example:
        >>> print("arena resume", typed("runs/first try (x=0.1)"))
        arena resume runs/first\\ try\\ \\(x=0.1\\)
        >>> print(typed("a" + chr(9) + "b"))  # a control character is spelled, because a sentence shows none
        "$(printf "a\\011b")"
    """
    text = str(path)
    if not re.search(r"[\x00-\x1f\x7f]", text):
        return re.sub(r"([^\w@%+=:,./-])", r"\\\1", text)
    plain = re.sub(r'(["$`])', r"\\\1", text.replace("\\", "\\" * 4).replace("%", "%%"))
    spelled = re.sub(r"[\x00-\x1f\x7f]", lambda sign: f"\\{ord(sign[0]):03o}", plain)
    return f'"$(printf "{spelled}")"'


def first_line(error: object) -> str:
    """Return the first line of an error's text, or its class's name if it has none.

    Example:
        >>> first_line(ValueError("bad shape\\nat 0x7f")), first_line(KeyError())
        ('bad shape', 'KeyError')
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def cause(error: BaseException) -> str:
    """Return an error's class and the beginning of its text in one line, for the sentence of another error.

    Example:
        >>> cause(KeyError("nobody"))
        "KeyError: 'nobody'"
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
