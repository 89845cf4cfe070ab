"""The configurations of points: a value for each varied setting, on top of the settings that all share.

`*.lr` is the setting `lr` of both players, and `generator.betas.0` the first of several numbers. A space is conditional: a setting is
active at a point if it exists there. `rule.gamma` exists if the rule has a parameter `gamma`, and `*.momentum` if both optimizers have one.
"""

import functools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arena.config.config import Config
from arena.config.configure import configure
from arena.core.game import Game
from arena.errors import ArenaError, UnknownName
from arena.experiments.values import Point, Value, word_of

CHOICES = (".name", ".player", ".optimizer")
"""Ends of the dotted names that choose a component, on which the existence of other settings depends."""


@dataclass(eq=False)
class Points:
    """The configurations of points.

    Args:
        game: id, import path or file of a game.
        settings: that all points share, nested or dotted.
        arguments: the same as words of the command line, which win.
        usual: a value of each varied setting.
        words: all values of the varied settings whose values are typed as words; others are numbers, which are replaced at little cost.

    Raises:
        ArenaError: The game or a component is an object, which neither another process nor a resumed experiment could build.

    Example:
        >>> points = Points("bilinear", {"turns": 9}, [], {"*.lr": 0.1, "rule": "lola"}, {"rule": ["lola", "consensus"]})
        >>> flat = points.config({"*.lr": 0.2, "rule": "consensus"}, seed=3).flat()
        >>> flat["x.lr"], flat["y.lr"], flat["rule.name"], flat["seed"]
        (0.2, 0.2, 'consensus', 3)
    """

    game: Any
    settings: Mapping[str, Any]
    arguments: Sequence[str]
    usual: Mapping[str, Value]
    words: Mapping[str, Sequence[Value]]
    _bases: dict[tuple[str, ...], tuple[Config, frozenset[str]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.game, Game):
            raise _object("game", self.game)

    def parts(self, name: str) -> list[tuple[str, int | None]]:
        """Return the settings that a varied one sets, each with the index of its number; None for a setting of one number.

        Example:
            >>> Points("ring", {}, [], {}, {}).parts("*.betas.0")
            [('generator.betas', 0), ('discriminator.betas', 0)]
        """
        names = [f"{role}{name[1:]}" for role in self._roles] if name.startswith("*.") else [name]
        matches = [re.fullmatch(r"(.+)\.(\d+)", name) for name in names]
        return [(name, None) if m is None else (m[1], int(m[2])) for name, m in zip(names, matches, strict=True)]

    def base(self, point: Mapping[str, Value] | None = None) -> Config:
        """Return a configuration with the words of a point and the usual numbers."""
        return self._based(point or {})[0]

    def active(self, point: Mapping[str, Value]) -> Point:
        """Return a point without the settings that do not exist there.

        Args:
            point: values of all varied settings, or of some; a missing word is the usual one.

        Example:
            >>> points = Points("bilinear", {}, [], {"rule": "lola", "rule.gamma": 1.0}, {"rule": ["lola", "consensus"]})
            >>> points.active({"rule": "lola", "rule.gamma": 2.0}), points.active({"rule": "consensus", "rule.gamma": 2.0})
            ({'rule': 'lola'}, {'rule': 'consensus', 'rule.gamma': 2.0})
        """
        there = self._based(point)[1]
        return {name: value for name, value in point.items() if name in there}

    def exists(self, name: str, point: Mapping[str, Value]) -> bool:
        """Return whether a varied setting exists at a point."""
        return name in self._based(point)[1]

    @functools.cached_property
    def order(self) -> list[str]:
        """The varied settings in an order in which the existence of each depends on earlier ones alone.

        Example:
            >>> Points("bilinear", {}, [], {"rule.gamma": 1.0, "rule": "lola"}, {"rule": ["lola", "consensus"]}).order
            ['rule', 'rule.gamma']
        """

        def rank(name: str) -> tuple[bool, bool, int]:
            key = key_of(self.parts(name)[0][0], self.base(self.where(name)).flat())
            return name not in self.words, not key.endswith(CHOICES), key.count(".")

        return sorted(self.usual, key=rank)

    def where(self, name: str) -> Point:
        """Return words of a point at which a varied setting exists.

        Raises:
            UnknownName: if there is no such point.
        """
        parts = [part for part, _ in self.parts(name)]
        for part in parts:
            if part not in self._existing:
                raise self._unknown(part)
        return {word: value for part in parts for word, value in self._existing[part].items()}

    def config(self, point: Mapping[str, Value] | None = None, **more: Any) -> Config:
        """Return the complete configuration of a point, in which settings that do not exist there have no effect.

        Args:
            point: a value of each varied setting; None takes the usual ones.
            more: further numbers by setting, such as the seed.

        Raises:
            ArenaError: if the values contradict each other.
        """
        base, changed = self.base(point), dict[str, Any]()
        flat = base.flat()
        for name, value in self.active(self.usual if point is None else point).items():
            for part, index in self.parts(name) if name not in self.words else ():
                key = key_of(part, flat)
                several = list(changed[key] if key in changed else flat[key]) if index is not None else []
                if index is not None:
                    several[index] = value
                changed[key] = value if index is None else tuple(several)
        return base.vary({**changed, **more})

    def check(self, given: Collection[str], what: str) -> None:
        """Raise if a varied setting exists at no point, or is given for all points as well.

        Args:
            given: names of settings.
            what: plural noun for the points, for the message.
        """
        for name in self.usual:
            flat = self.base(self.where(name)).flat()
            for part, index in self.parts(name):
                if index is None and key_of(part, flat) in {key_of(other, flat) for other in given}:
                    raise ArenaError(f"'{name}' is given for all {what} and varies as well. Fix: leave one of the two out")
                several = flat.get(part)
                if index is not None and (not isinstance(several, (tuple, list)) or index >= len(several)):
                    raise ArenaError(f"--vary {name} is number {index} of {part}, which is {several!r}. Fix: name another index")

    def example(self, name: str) -> Any:
        """Return a value of a varied setting in a base in which it exists."""
        flat, (part, index) = self.base(self.where(name)).flat(), self.parts(name)[0]
        value = flat.get(key_of(part, flat))
        return value if index is None or value is None else value[index]

    def _based(self, point: Mapping[str, Value]) -> tuple[Config, frozenset[str]]:
        """Return the base of a point and the names of the settings that exist there."""
        chosen = {name: point.get(name, usual) if name in self.words else usual for name, usual in self.usual.items()}
        key = tuple(str(chosen[name]) for name in self.words)
        if key not in self._bases:
            self._bases[key] = self._configured(chosen)
        return self._bases[key]

    def _configured(self, chosen: Mapping[str, Value]) -> tuple[Config, frozenset[str]]:
        """Configure values of all varied settings; those that the error names as unknown are left out, and so is `*.` if one player has it.

        One of several numbers cannot be typed, and exists if its setting does.
        """
        left = {name: self.parts(name) for name in chosen}
        while True:
            typed = [f"--{part}={word_of(chosen[name])}" for name, parts in left.items() for part, index in parts if index is None]
            try:
                made = configure(self.game, self.settings, [*self.arguments, *typed])
                break
            except UnknownName as error:
                absent = [name for name, parts in left.items() if error.what == "setting" and error.name in (part for part, _ in parts)]
                if not absent:
                    raise
                left.pop(absent[0])
        for key, given in made.objects.items():
            raise _object(key.removesuffix(".name"), given)
        flat = made.flat()
        return made, frozenset(name for name, parts in left.items() if all(key_of(part, flat) in flat for part, _ in parts))

    @functools.cached_property
    def _existing(self) -> dict[str, Point]:
        """Words for which a part of a varied setting exists, by part: the usual ones, else the first ones found, one change at a time."""
        found: dict[str, Point] = {}
        parts = {part for name in self.usual for part, _ in self.parts(name)}
        tried: list[Point] = [{}]
        for point in tried:
            base, there = self._based(point)
            flat = base.flat()
            new = [part for part in parts - found.keys() if key_of(part, flat) in flat]
            if new or not point:
                found |= dict.fromkeys(new, point)
                tried += [{**point, name: value} for name in self.words if name in there for value in self.words[name]]
            if len(found) == len(parts):
                break
        return found

    def _unknown(self, part: str) -> ArenaError:
        """Return the error of a setting that exists at no point, from the point with the most similar name."""
        errors: list[ArenaError] = []
        for base, _ in list(self._bases.values()):
            try:
                base.vary({part: 0})
            except ArenaError as error:
                errors.append(error)
        return max(errors, key=lambda error: error.nearness if isinstance(error, UnknownName) else 1.0)

    @functools.cached_property
    def _roles(self) -> tuple[str, str]:
        return configure(self.game, self.settings, self.arguments).roles


def _object(key: str, given: object) -> ArenaError:
    """Return the error for a component that is no data."""
    name = type(given).__name__
    return ArenaError(
        f"the {key} is an object of {name}, which an experiment cannot build again in its runs or when it is resumed. Expected a name. "
        f"Fix: write {name} into a file with a default for each argument, name it file.py:{name}, and give its arguments as settings"
    )


def key_of(name: str, flat: Mapping[str, Any]) -> str:
    """Return the dotted name of a setting's value: `coupling` is short for `coupling.value`, `rule` for `rule.name`."""
    return next((f"{name}{last}" for last in ("", ".value", ".name", ".player") if f"{name}{last}" in flat), name)
