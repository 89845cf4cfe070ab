"""An axis of a map: a setting, and the values that it takes from one side to the other.

`1e-5:1e-1:32` counts from low to high, `log:` or `linear:` before it says how; `a,b,c` names the values one by one.
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

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
    """A setting and its values.

    Args:
        name: of the setting, dotted.
        values: numbers in rising order, or words of the command line.
        scale: log or linear where the values are spaced so; list where they were named one by one.
    """

    name: str
    values: tuple[Value, ...]
    scale: str

    @property
    def numeric(self) -> bool:
        return not isinstance(self.values[0], str)

    def fitted(self, example: object) -> "Axis":
        """The axis with values of the kind that the setting has.

        Args:
            example: a value of the setting. Where it is a whole number, spaced values are rounded to whole ones.

        Raises:
            ArenaError: where whole numbers are wanted and the values are not, or round to the same.

        Example:
            >>> parse_axis("--x", "batch=log:16:64:3").fitted(256).values
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
            raise ArenaError(f"{self.name} takes whole numbers, and {len(whole)} of them do not fit between {whole[0]} and {whole[-1]}")
        return replace(self, values=whole)


def word_of(value: Value) -> str:
    """A value as a word of the command line.

    Example:
        >>> word_of(3.0), word_of(1.346e-05), word_of("lola")
        ('3', '1.346e-05', 'lola')
    """
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e6
    return str(int(value)) if whole else str(value)


def parse_axis(option: str, word: str) -> Axis:
    """An axis from `SETTING=LOW:HIGH:COUNT`, `SETTING=log:LOW:HIGH:COUNT`, `SETTING=linear:…` or `SETTING=a,b,c`; `rule=all` is every rule.

    Values are spaced geometrically where both ends are above 0 and at least ten times apart, else evenly, and are rounded to as many
    digits as tell them apart, at least four.

    Args:
        option: what was typed before it, for the message.

    Raises:
        ArenaError: for a word that is none of these, fewer than two values, and values that are no numbers where they must be.

    Example:
        >>> parse_axis("--x", "generator.lr=1e-5:1e-1:5").values
        (1e-05, 0.0001, 0.001, 0.01, 0.1)
        >>> parse_axis("--vary", "scheduler.ratio=int:1:4").values, parse_axis("--vary", "batch=int:log:16:64:3").values
        ((1, 2, 3, 4), (16, 32, 64))
        >>> parse_axis("--y", "coupling=0:1:3"), parse_axis("--y", "rule=lola,consensus").values
        (Axis(name='coupling', values=(0.0, 0.5, 1.0), scale='linear'), ('lola', 'consensus'))
        >>> parse_axis("--x", "generator.lr=1e-5:1e-1")
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: --x generator.lr=1e-5:1e-1 is neither LOW:HIGH:COUNT nor a list; write it as in 1e-5:1e-1:32 or 1,2,3
    """
    name, given, text = word.partition("=")
    name = name.strip().replace("-", "_")
    if not given or not name or not text:
        raise ArenaError(f"{option} {word} is not SETTING=VALUES; write it as in {option} generator.lr=1e-5:1e-1:32")
    listed = list(entries(name)) if text == "all" and name in ("rule", "scheduler") else split(text)
    if len(listed) > 1:
        return Axis(name, _listed(f"{option} {word}", listed), "list")
    parts = text.split(":")
    whole = parts[0] == "int" and bool(parts.pop(0))
    scale = parts.pop(0) if parts[0] in ("log", "linear") else None
    if whole and len(parts) == 2 and all(re.fullmatch(r"-?\d+", part) for part in parts) and int(parts[0]) < int(parts[1]):
        return Axis(name, tuple(range(int(parts[0]), int(parts[1]) + 1)), "linear")
    if len(parts) != 3:
        raise ArenaError(f"{option} {word} is neither LOW:HIGH:COUNT nor a list; write it as in 1e-5:1e-1:32 or 1,2,3")
    low, high = (_number(part, f"{option} {word}") for part in parts[:2])
    if not re.fullmatch(r"\d+", parts[2]) or int(parts[2]) < 2:
        raise ArenaError(f"{option} {word} counts '{parts[2]}' values, but an axis takes a whole number of at least 2")
    if low >= high:
        raise ArenaError(f"{option} {word} ends at {high:g}, but must end above its beginning, {low:g}; write LOW:HIGH:COUNT")
    if scale == "log" and low <= 0:
        raise ArenaError(f"{option} {word} begins at {low:g}, but values spaced geometrically are above 0; write linear: in its place")
    scale = scale or ("log" if low > 0 and high >= WIDE * low else "linear")
    spaced = np.geomspace if scale == "log" else np.linspace
    numbers = _rounded(spaced(low, high, int(parts[2])).tolist())
    return Axis(name, tuple(dict.fromkeys(round(number) for number in numbers)) if whole else numbers, scale)


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
            "0,1,5. Fix: --seeds 3"
        )
    return seeds


def _listed(said: str, words: Sequence[str]) -> tuple[Value, ...]:
    """Numbers in rising order where all are, else words as they stand."""
    try:
        numbers: list[Value] = sorted(float(word) for word in words)
    except ValueError:
        numbers = []
    if not all(math.isfinite(float(n)) for n in numbers):
        raise ArenaError(f"{said} names a value that is not finite; leave it out")
    values = numbers or list(words)
    twice = next((word for word, value in zip(words, values, strict=True) if values.count(value) > 1), None)
    if twice is not None:
        raise ArenaError(f"{said} names the same value twice; give each value once")
    return tuple(values)


def _number(text: str, said: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ArenaError(f"{said}: '{text}' is no number; write LOW:HIGH:COUNT, as in 1e-5:1e-1:32, or a list such as 1,2,3")
    return number


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    """To as few digits, at least four, as keep every value within a hundredth of its distance to the next."""
    gaps = [b - a for a, b in itertools.pairwise(values)]
    near = [min(pair) for pair in zip([gaps[0], *gaps], [*gaps, gaps[-1]], strict=True)]
    for digits in range(4, 17):
        rounded = tuple(float(f"{value:.{digits - 1}e}") for value in values)
        if all(abs(a - b) <= 0.01 * gap for a, b, gap in zip(rounded, values, near, strict=True)):
            return rounded
    return tuple(values)
