"""Parts that members of a population share, and numbers that each has for itself.

Shapes: K = members.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from arena.accelerate.process_group import refuse_distributed
from arena.core.field.members import CannotShare
from arena.core.game import Game
from arena.core.protocols import MemberConfig

Shares = float | np.ndarray
"""One number for all members, or an array of shape (K,)."""


class Shared:
    """Objects of one kind; members with equal settings share one."""

    def __init__(self, things: list[Any], of_member: list[int]):
        self.things, self.of_member = things, of_member

    @classmethod
    def of(cls, pairs: Sequence[tuple[Any, Any]]) -> "Shared":
        """Make from each member's object and the settings that built it."""
        places: dict[Any, int] = {}
        things: list[Any] = []
        for thing, settings in pairs:
            if settings not in places:
                places[settings] = len(things)
                things.append(thing)
        return cls(things, [places[settings] for _, settings in pairs])


def refuse_large(configs: Sequence[MemberConfig]) -> None:
    """Raise CannotShare if an option of one large game is set that populations do not have."""
    refuse_distributed("a population")
    for name, usual in (("micro_batches", 1), ("autocast", "none"), ("tf32", False), ("channels_last", False)):
        for value in (getattr(config.run, name) for config in configs):
            if value != usual:
                raise CannotShare(f"{name} is {value}, which populations do not support; such games are played one by one")


def settings_of(flat: Mapping[str, Any], prefix: str) -> tuple[Any, ...]:
    """Return the settings under a prefix, as comparable pairs.

    Example:
        >>> settings_of({"scheduler.name": "alternating", "turns": 3}, "scheduler")
        (('scheduler.name', 'alternating'),)
    """
    return tuple((name, str(value)) for name, value in flat.items() if name.startswith(f"{prefix}."))


def differing(configs: Sequence[MemberConfig]) -> list[str]:
    """Return the settings in which configurations differ, without seed and turns, which do not shape the game.

    Example:
        >>> from arena.config import configure
        >>> base = configure("swiss-roll")
        >>> differing([base, base.vary({"generator.hidden": (8,), "seed": 3, "turns": 7})])
        ['generator.hidden']
    """
    flats = [config.flat() for config in configs]
    names = dict.fromkeys(name for flat in flats for name in flat)
    return [name for name in names if name not in ("seed", "turns") and any(flat.get(name) != flats[0].get(name) for flat in flats)]


def uniform(numbers: np.ndarray | float) -> Shares:
    """Return one number if all members agree.

    Example:
        >>> uniform(np.array([0.5, 0.5])), uniform(np.array([0.5, 1.0]))
        (0.5, array([0.5, 1. ]))
    """
    if np.ndim(numbers) == 0:
        return float(numbers)
    return float(numbers[0]) if (numbers == numbers[0]).all() else numbers  # type: ignore[index]


def one_of(values: Sequence[Any], name: str) -> Any:
    """Return the value that all members have; raise CannotShare if they differ.

    Example:
        >>> one_of(["cpu", "cpu"], "device")
        'cpu'
    """
    if len(set(values)) > 1:
        raise CannotShare(f"members of a population share one {name}, but these have {', '.join(sorted(set(map(str, values))))}")
    return values[0]


def builder_of(game: Game | Callable[[], Game], *, own: bool) -> Callable[[], Game]:
    """Return a function that builds a member's game; with `own`, from copies of parts that were given as objects."""
    if isinstance(game, Game):
        start = copy.deepcopy(game)
        return lambda: copy.deepcopy(start)
    return (lambda: copy.deepcopy(game())) if own else game
