"""The space of a sweep: its settings and their values.

generator.lr=log:1e-5:1e-2      a number, uniform in its logarithm
noise=0:0.5                     a number, uniform
scheduler.ratio=int:1:5         a whole number; `int:log:8:512` is uniform in the logarithm
rule=simultaneous,lola          one of a list; rule=all is every rule
generator.betas.0=0:0.9         one number of a setting that has several
*.lr=log:1e-5:1e-2              the same value for both players
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arena.config.config import Config
from arena.errors import ArenaError
from arena.experiments.trials import Trials
from arena.experiments.values import WIDE, Point, Value, Varied, parse_vary, value_of_word, word_of

BELOW, ABOVE = 100.0, 10.0
"""Factors below and above a game's own learning rate between which a sweep varies it if no space is given."""


@dataclass(frozen=True)
class Dimension:
    """One setting and its values.

    Args:
        name: of the setting, dotted; it ends in the index of one of several numbers, and begins with `*.` for both players.
        low: lowest value; unused if there are choices.
        high: highest value.
        log: whether values are uniform in the logarithm.
        whole: whether values are whole numbers.
        choices: the values of a list; empty for a range.

    Example:
        >>> Dimension("lr", 1e-4, 1e-2, log=True).at(0.5)
        0.001
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    whole: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def word(self) -> str:
        """The values as they are typed.

        Example:
            >>> Dimension("scheduler.ratio", 1, 5, whole=True).word
            'int:1:5'
        """
        if self.choices:
            return ",".join(map(word_of, self.choices))
        return f"{'int:' * self.whole}{'log:' * self.log}{word_of(self.low)}:{word_of(self.high)}"

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        return not any(isinstance(choice, str) for choice in self.choices)

    def at(self, share: float) -> Value:
        """Return the value at a share in [0, 1] of the way from low to high."""
        if self.choices:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        return min(max(round(value), int(self.low)), int(self.high)) if self.whole else float(f"{value:.12g}")

    def share(self, value: Value) -> float:
        """Return the share of a value in [0, 1]; for a choice, the middle of its interval."""
        if self.choices:
            return (self.choices.index(value) + 0.5) / len(self.choices)
        there, low, high = (math.log(float(v)) if self.log else float(v) for v in (value, self.low, self.high))
        return (there - low) / (high - low)

    def levels(self, count: int) -> tuple[Value, ...]:
        """Return a number of values from low to high, or all if there are fewer."""
        if self.choices:
            return self.choices
        return tuple(dict.fromkeys(self.at(i / (count - 1) if count > 1 else 0.5) for i in range(count)))


@dataclass(frozen=True)
class Space:
    """The dimensions of a sweep.

    Args:
        dimensions: one or more.
    """

    dimensions: tuple[Dimension, ...]

    @property
    def words_only(self) -> dict[str, tuple[Value, ...]]:
        """The values of the dimensions whose values are words, by name."""
        return {dimension.name: dimension.choices for dimension in self.dimensions if not dimension.numeric}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dimension.name for dimension in self.dimensions)

    def __getitem__(self, name: str) -> Dimension:
        return next(dimension for dimension in self.dimensions if dimension.name == name)

    def words(self) -> dict[str, str]:
        """Return the values as they are typed, by setting."""
        return {dimension.name: dimension.word for dimension in self.dimensions}

    def middle(self) -> Point:
        """Return the point in the middle."""
        return {dimension.name: dimension.at(0.5) for dimension in self.dimensions}


def parse_space(words: Sequence[str] | Mapping[str, Any]) -> Space:
    """Return a space.

    Args:
        words: words `SETTING=VALUES`; or, by setting, such values or a list of them.

    Raises:
        ArenaError: for a word that cannot be read, and a setting that is named twice.

    Example:
        >>> space = parse_space(["generator.lr=log:1e-5:1e-2", "scheduler.ratio=int:1:5", "rule=simultaneous,lola"])
        >>> space == parse_space({"generator.lr": "log:1e-5:1e-2", "scheduler.ratio": "int:1:5", "rule": ["simultaneous", "lola"]})
        True
        >>> parse_space(["generator.lr=1e-5-1e-2"])
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: --vary generator.lr=1e-5-1e-2 is neither a range nor a list. Expected LOW:HIGH, log:LOW:HIGH or A,B,C
    """
    found = tuple(map(_dimension, parse_vary(words)))
    if not found:
        raise ArenaError("the space is empty. Fix: --vary generator.lr=log:1e-5:1e-2")
    return Space(found)


def space_of(trials: Trials, names: Sequence[str] = ()) -> Space:
    """Return the space of the points that were played: numbers have the range of their values, and words are choices.

    Args:
        trials: of an experiment.
        names: of the settings; none takes all.

    Raises:
        ArenaError: if none of them has several values.
    """
    found = []
    for name in names or trials.vary:
        values = list(dict.fromkeys(record.point[name] for record in trials.ended if name in record.point))
        if any(isinstance(value, str) for value in values):
            found.append(Dimension(name, choices=tuple(values)))
        elif len(values) > 1:
            low, high = min(map(float, values)), max(map(float, values))
            whole = all(isinstance(value, int) for value in values)
            found.append(Dimension(name, low, high, log=low > 0 and high >= WIDE * low, whole=whole))
    found = [dimension for dimension in found if len(dimension.choices) != 1]
    if not found:
        raise ArenaError(f"{trials.folder} has one value of {' and '.join(names or trials.vary) or 'every setting'}. Expected several")
    return Space(tuple(found))


def _dimension(varied: Varied) -> Dimension:
    varied.refuse_one("LOW:HIGH")
    if varied.words:
        return Dimension(varied.name, choices=tuple(map(value_of_word, varied.words)))
    if varied.count is not None:
        return Dimension(varied.name, choices=varied.axis.values)
    return Dimension(varied.name, varied.low, varied.high, varied.scale == "log", varied.whole)


def default_space(config: Config) -> Space:
    """Return the game's own space; else its learning rates, Adam's first beta or SGD's momentum, and the scheduler's ratio.

    Example:
        >>> from arena.config import configure
        >>> default_space(configure("ring")).words()  # doctest: +NORMALIZE_WHITESPACE
        {'generator.lr': 'log:1e-05:0.01', 'discriminator.lr': 'log:1e-05:0.01', '*.betas.0': '0:0.9', 'scheduler.ratio': 'int:1:5'}
    """
    own = config.game.target.space  # type: ignore[attr-defined]
    if own:
        return parse_space(own)
    flat, found = config.flat(), []
    for role in config.roles:
        rate = flat.get(f"{role}.lr")
        if isinstance(rate, float) and rate > 0:
            found.append(Dimension(f"{role}.lr", _rounded(rate / BELOW), _rounded(rate * ABOVE), log=True))
    for setting, name in (("betas", "betas.0"), ("momentum", "momentum")):
        having = [role for role in config.roles if f"{role}.{setting}" in flat]
        if len(having) == len(config.roles):
            found.append(Dimension(f"*.{name}", 0.0, 0.9))
        else:
            found += [Dimension(f"{role}.{name}", 0.0, 0.9) for role in having]
    if "scheduler.ratio" in flat:
        found.append(Dimension("scheduler.ratio", 1, 5, whole=True))
    if not found:
        raise ArenaError(f"{config.game.name} has no space of its own. Fix: --vary SETTING=VALUES")
    return Space(tuple(found))


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")
