"""The configurations of points: a value for each varied setting, on top of the settings that all share.

`*.lr` is the setting `lr` of both players, and `generator.betas.0` the first of several numbers.
"""

import functools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arena.config.config import Config
from arena.config.configure import configure
from arena.errors import ArenaError
from arena.experiments.values import Value, word_of


@dataclass(eq=False)
class Points:
    """The configurations of points.

    Args:
        game: id, import path or file of a game.
        settings: that all points share, nested or dotted.
        arguments: the same as words of the command line, which win.
        usual: a value of each varied setting.
        words: the varied settings whose values are typed as words; others are numbers, which are replaced at little cost.

    Example:
        >>> points = Points("bilinear", {"turns": 9}, [], {"*.lr": 0.1, "rule": "lola"}, ["rule"])
        >>> flat = points.config({"*.lr": 0.2, "rule": "consensus"}, seed=3).flat()
        >>> flat["x.lr"], flat["y.lr"], flat["rule.name"], flat["seed"]
        (0.2, 0.2, 'consensus', 3)
    """

    game: Any
    settings: Mapping[str, Any]
    arguments: Sequence[str]
    usual: Mapping[str, Value]
    words: Sequence[str]
    _bases: dict[tuple[str, ...], Config] = field(default_factory=dict, repr=False)

    def parts(self, name: str) -> list[tuple[str, int | None]]:
        """Return the settings that a varied one sets, each with the index of its number; None for a setting of one number.

        Example:
            >>> Points("ring", {}, [], {}, []).parts("*.betas.0")
            [('generator.betas', 0), ('discriminator.betas', 0)]
        """
        names = [f"{role}{name[1:]}" for role in self._roles] if name.startswith("*.") else [name]
        matches = [re.fullmatch(r"(.+)\.(\d+)", name) for name in names]
        return [(name, None) if m is None else (m[1], int(m[2])) for name, m in zip(names, matches, strict=True)]

    def base(self, point: Mapping[str, Value] | None = None) -> Config:
        """Return a configuration with the words of a point and the usual numbers."""
        chosen = {name: (point or {}).get(name, usual) if name in self.words else usual for name, usual in self.usual.items()}
        key = tuple(str(chosen[name]) for name in self.words)
        if key not in self._bases:
            parts = [(part, index, value) for name, value in chosen.items() for part, index in self.parts(name)]
            options = [f"--{part}={word_of(value)}" for part, index, value in parts if index is None]  # one of several cannot be typed
            self._bases[key] = configure(self.game, self.settings, [*self.arguments, *options])
        return self._bases[key]

    def config(self, point: Mapping[str, Value] | None = None, **more: Any) -> Config:
        """Return the complete configuration of a point.

        Args:
            point: a value of each varied setting; None takes the usual ones.
            more: further numbers by setting, such as the seed.

        Raises:
            ArenaError: if the values contradict each other.
        """
        base, changed = self.base(point), dict[str, Any]()
        flat = base.flat()
        for name, value in (self.usual if point is None else point).items():
            for part, index in self.parts(name) if name not in self.words else ():
                key = key_of(part, flat)
                several = list(changed[key] if key in changed else flat[key]) if index is not None else []
                if index is not None:
                    several[index] = value
                changed[key] = value if index is None else tuple(several)
        return base.vary({**changed, **more})

    def check(self, given: Collection[str], what: str) -> None:
        """Raise if a varied setting is unknown, or is given for all points as well.

        Args:
            given: names of settings.
            what: plural noun for the points, for the message.
        """
        flat = self.base().flat()
        for name in self.usual:
            for part, index in self.parts(name):
                if index is None and key_of(part, flat) in {key_of(other, flat) for other in given}:
                    raise ArenaError(f"'{name}' is given for all {what} and varies as well. Fix: leave one of the two out")
                if index is not None and part not in flat:
                    self.base().vary({part: 0})  # raises with the nearest name
                several = flat.get(part)
                if index is not None and (not isinstance(several, (tuple, list)) or index >= len(several)):
                    raise ArenaError(f"--vary {name} is number {index} of {part}, which is {several!r}. Fix: name another index")

    def example(self, name: str) -> Any:
        """Return a value of a varied setting in the base."""
        flat, (part, index) = self.base().flat(), self.parts(name)[0]
        value = flat.get(key_of(part, flat))
        return value if index is None or value is None else value[index]

    @functools.cached_property
    def _roles(self) -> tuple[str, str]:
        return configure(self.game, self.settings, self.arguments).roles


def key_of(name: str, flat: Mapping[str, Any]) -> str:
    """Return the dotted name of a setting's value: `coupling` is short for `coupling.value`, `rule` for `rule.name`."""
    return next((f"{name}{last}" for last in ("", ".value", ".name", ".player") if f"{name}{last}" in flat), name)
