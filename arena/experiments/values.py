"""The grammar of values and seeds, one for every experiment.

`a,b,c` is a list, `all` every rule or scheduler, and `[int:][log:|linear:]LOW:HIGH[:COUNT]` a range.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from arena.config.settings import plain
from arena.errors import ArenaError, BadSetting
from arena.registry.entries import entries
from arena.registry.grammar import split

Value = float | int | str
Point = dict[str, Value]
"""The value of each varied setting, by its dotted name."""

WIDE = 10.0
"""Ratio of the ends, both above 0, from which on a range is spaced geometrically."""


@dataclass(frozen=True)
class Axis:
    """A setting and its values, in a comparison or a map.

    Args:
        name: of the setting, dotted.
        values: numbers in rising order, or words.
        scale: log or linear for the values of a range; list for a list.
    """

    name: str
    values: tuple[Value, ...]
    scale: str

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return not isinstance(self.values[0], str)

    def fitted(self, example: object) -> "Axis":
        """Return the axis with values of the setting's type.

        Args:
            example: a value of the setting. If it is a whole number, the values of a range are rounded.

        Raises:
            ArenaError: if listed values are not whole as they must be, or rounded values are equal.

        Example:
            >>> parse_varied("batch=log:16:64:3").axis.fitted(256).values
            (16, 32, 64)
        """
        if not self.numeric or isinstance(example, bool) or not isinstance(example, (int, float)):
            return replace(self, values=tuple(map(word_of, self.values)))
        if isinstance(example, float):
            return replace(self, values=tuple(map(float, self.values)))
        whole = tuple(round(float(value)) for value in self.values)
        if self.scale == "list" and (found := [v for v, w in zip(self.values, whole, strict=True) if v != w]):
            raise BadSetting(self.name, found[0], f"a whole number, such as {example}")
        if len(set(whole)) < len(whole):
            raise ArenaError(f"{self.name} takes whole numbers, and {len(whole)} do not fit between {whole[0]} and {whole[-1]}")
        return replace(self, values=whole)


def word_of(value: Value) -> str:
    """Return a value as it is typed.

    Example:
        >>> word_of(3.0), word_of(1.346e-05), word_of("lola")
        ('3', '1.346e-05', 'lola')
    """
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e6
    return str(int(value)) if whole else str(value)


def value_of_word(word: str) -> Value:
    """Return a value from how it is typed: a number if it is one.

    Example:
        >>> value_of_word("64"), value_of_word("1e-3"), value_of_word("lola")
        (64, 0.001, 'lola')
    """
    return int(word) if re.fullmatch(r"[-+]?\d+", word) else word if (number := _number(word)) is None else number


@dataclass(frozen=True)
class Varied:
    """The values of a setting, as they were typed.

    Args:
        name: of the setting, dotted.
        said: the option, for error messages.
        words: of a list; empty for a range.
        low: the lower end of a range.
        high: the upper end.
        scale: log or linear; empty if it was not typed.
        whole: whether the range has whole numbers only.
        count: number of values of the range; None if it was not typed.
    """

    name: str
    said: str
    words: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    scale: str = ""
    whole: bool = False
    count: int | None = None

    @property
    def axis(self) -> Axis:
        """The finite number of values, at least two.

        Without a scale, a range is spaced geometrically if both ends are above 0 and at least ten times apart, else evenly. Its values
        are rounded to as many digits as keep them apart, at least four.

        Raises:
            ArenaError: if there is one value, or no count.

        Example:
            >>> parse_varied("generator.lr=1e-5:1e-1:5").axis.values
            (1e-05, 0.0001, 0.001, 0.01, 0.1)
            >>> parse_varied("scheduler.ratio=int:1:4").axis.values, parse_varied("batch=int:log:16:64:3").axis.values
            ((1, 2, 3, 4), (16, 32, 64))
            >>> parse_varied("coupling=0:1:3").axis, parse_varied("rule=lola,consensus").axis.values
            (Axis(name='coupling', values=(0.0, 0.5, 1.0), scale='linear'), ('lola', 'consensus'))
            >>> parse_varied("generator.lr=1e-5:1e-1").axis
            Traceback (most recent call last):
            ...
            arena.errors.ArenaError: --vary generator.lr=1e-5:1e-1 has no number of values. Fix: --vary generator.lr=1e-5:1e-1:8
        """
        if self.words:
            self.refuse_one("LOW:HIGH:COUNT")
            numbers = [number for word in self.words if (number := _number(word)) is not None]
            return Axis(self.name, tuple(sorted(numbers)) if len(numbers) == len(self.words) else self.words, "list")
        if self.count is None and self.whole and self.scale != "log":
            return Axis(self.name, tuple(range(int(self.low), int(self.high) + 1)), "linear")
        if self.count is None:
            raise ArenaError(f"{self.said} has no number of values. Fix: {self.said}:8")
        scale = self.scale or ("log" if self.low > 0 and self.high >= WIDE * self.low else "linear")
        spaced = np.geomspace if scale == "log" else np.linspace
        values = _rounded(spaced(self.low, self.high, self.count).tolist())
        return Axis(self.name, tuple(dict.fromkeys(map(round, values))) if self.whole else values, scale)

    def refuse_one(self, form: str) -> None:
        """Raise if there is one value only.

        Args:
            form: of a range, for the message.
        """
        if len(self.words) == 1:
            raise ArenaError(f"{self.said} is neither a range nor a list. Expected {form}, log:{form} or A,B,C")


def short(value: Value) -> str:
    """Return a value with three digits, for a picture or a table.

    Example:
        >>> short(0.0123456), short(2048), short("lola")
        ('0.0123', '2048', 'lola')
    """
    return f"{value:.3g}" if isinstance(value, float) else word_of(value)


def parse_varied(word: str) -> Varied:
    """Return the values of `SETTING=VALUES`.

    Raises:
        ArenaError: for a word of another form, an empty range, and a value that is not finite or given twice.

    Example:
        >>> parse_varied("rule=simultaneous,unrolled(steps=3)").words
        ('simultaneous', 'unrolled(steps=3)')
        >>> found = parse_varied("generator.lr=log:1e-5:1e-2")
        >>> found.low, found.high, found.scale, found.count
        (1e-05, 0.01, 'log', None)
    """
    name, _, text = word.partition("=")
    name, said = name.strip().replace("-", "_"), f"--vary {word}"
    if not name or not text:
        raise ArenaError(f"{said} is not SETTING=VALUES. Fix: --vary rule=simultaneous,extragradient or --vary coupling=0:1:8")
    refuse_seed(name, text)
    if not re.match(r"(int|log|linear):|[-+]?\.?\d[-+.\deE]*:", text):
        words = list(entries(name)) if text == "all" and name in ("rule", "scheduler") else split(text)
        values = [word if (number := _number(word)) is None else number for word in words]
        if any(isinstance(value, float) and not math.isfinite(value) for value in values):
            raise ArenaError(f"{said} has a value that is not finite. Fix: leave it out")
        twice = next((word for word, value in zip(words, values, strict=True) if values.count(value) > 1), None)
        if twice is not None:
            raise ArenaError(f"{said} names '{twice}' twice. Fix: give each value once")
        return Varied(name, said, tuple(words))
    parts = text.split(":")
    whole = parts[0] == "int" and bool(parts.pop(0))
    scale = parts.pop(0) if parts[0] in ("log", "linear") else ""
    low, high = (_number(part) for part in (*parts, "", "")[:2])
    if low is None or high is None or len(parts) > 3 or not math.isfinite(low) or not math.isfinite(high):
        raise ArenaError(f"{said} is no range. Expected two finite numbers and perhaps a count, such as 0:1, log:1e-5:1e-2:32 or int:1:5")
    if len(parts) == 3 and (not parts[2].isdecimal() or int(parts[2]) < 2):
        raise ArenaError(f"{said} has '{parts[2]}' values. Expected a whole number of at least 2")
    if low >= high:
        raise ArenaError(f"{said} ends at {high:g}. Expected an end above its beginning, {low:g}")
    if scale == "log" and low <= 0:
        raise ArenaError(f"{said} begins at {low:g}. Expected a beginning above 0, because its values are logarithmic. Fix: leave out log:")
    if whole and not (low.is_integer() and high.is_integer()):
        raise ArenaError(f"{said} has ends that are not whole numbers. Fix: leave out int:")
    return Varied(name, said, (), low, high, scale, whole, int(parts[2]) if len(parts) == 3 else None)


def parse_vary(vary: Sequence[str] | Mapping[str, str | Sequence[Any]]) -> list[Varied]:
    """Return the values of all varied settings.

    Args:
        vary: words `SETTING=VALUES`; or, by setting, such values or a list of them.

    Raises:
        ArenaError: for a word that cannot be read, and a setting that is named twice.

    Example:
        >>> [found.words for found in parse_vary({"generator.hidden": [(8, 8), (16,)], "rule": "sga,lola"})]
        [('[8, 8]', '[16]'), ('sga', 'lola')]
    """
    found = [parse_varied(word) for word in typed(vary)]
    names = [varied.name for varied in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ArenaError(f"--vary names '{twice}' twice. Fix: give all its values at once, as in --vary {twice}=A,B")
    return found


def typed(vary: Sequence[str] | Mapping[str, str | Sequence[Any]]) -> list[str]:
    """Return varied settings as words `SETTING=VALUES`."""
    if not isinstance(vary, Mapping):
        return list(vary)
    return [f"{name}={v if isinstance(v, str) else ','.join(str(plain(value)) for value in v)}" for name, v in vary.items()]


def as_range(text: str) -> str:
    """Return `0-3` as `0:3`, as ranges are written; nothing for any other text."""
    ends = re.fullmatch(r"\s*(\d+)\s*-\s*(\d+)\s*", text)
    return f"{ends[1]}:{ends[2]}" if ends else ""


def refuse_seed(name: str, text: str = "") -> None:
    """Raise if a varied setting is the seed, with the values that were typed."""
    if name == "seed":
        seeds = as_range(text) or "3, which plays everything with the seeds 0, 1 and 2"
        raise ArenaError(f"the seed is no setting to vary. Fix: --seeds {seeds}")


Seeds = int | str | Sequence[int]
"""How users write seeds: `3` (0, 1 and 2), `"0:3"` (the same), `"0,1,5"` or `(0, 1, 5)`."""


def parse_seeds(given: Seeds) -> tuple[int, ...]:
    """Return the seeds that a count, a range or a list means, the same in every experiment.

    Args:
        given: a count (`3` is 0, 1 and 2), a range that excludes its end (`0:3`), or different whole numbers (`0,1,5`).

    Raises:
        ArenaError: for anything else, and for a count of 0 or an empty range.

    Example:
        >>> parse_seeds("3"), parse_seeds(3), parse_seeds("2:4"), parse_seeds("0,1,5"), parse_seeds(range(2))
        ((0, 1, 2), (0, 1, 2), (2, 3), (0, 1, 5), (0, 1))
    """
    text = given if isinstance(given, str) else str(given) if isinstance(given, int) else ",".join(map(str, given))
    text = text.strip()
    if re.fullmatch(r"\d+", text) and (isinstance(given, (str, int))):
        words = [str(n) for n in range(int(text))]
    elif ranged := re.fullmatch(r"(\d+):(\d+)", text):
        words = [str(n) for n in range(int(ranged[1]), int(ranged[2]))]
    else:
        words = text.split(",")
    seeds = tuple(int(word) for word in words if re.fullmatch(r"\s*\d+\s*", word))
    if not words or len(set(seeds)) < len(words):
        raise ArenaError(
            f"the seeds are '{text}'. Expected a count such as 3 (0, 1 and 2), a range such as 0:3, or different whole numbers such as "
            f"0,1,5. Fix: --seeds {as_range(text) or 3}"
        )
    return seeds


def _number(text: str) -> float | None:
    """Return a number; None if the text is none."""
    try:
        return float(text)
    except ValueError:
        return None


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    """Round to as few digits, at least four, as keep every value within a hundredth of its distance to the next."""
    gaps = [b - a for a, b in itertools.pairwise(values)]
    near = [min(pair) for pair in zip([gaps[0], *gaps], [*gaps, gaps[-1]], strict=True)]
    for digits in range(4, 17):
        rounded = tuple(float(f"{value:.{digits - 1}e}") for value in values)
        if all(abs(a - b) <= 0.01 * gap for a, b, gap in zip(rounded, values, near, strict=True)):
            return rounded
    return tuple(values)
