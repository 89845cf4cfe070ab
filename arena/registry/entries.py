"""Finds what can be named: games, players, rules, schedulers, schedules, optimizers, diagnostics and alarms.

Everything is looked up in the modules that installed packages announce through entry points (`arena.games`, `arena.players`, …), so
`arena` finds games without importing upwards and anyone's package can add its own. A game is registered by its decorator; of
everything else each public class or function is found by its kind, under its name in lower case with dashes.
"""

import functools
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, TypeVar

from arena.errors import ArenaError, GameFault

T = TypeVar("T")
KINDS = ("game", "player", "rule", "scheduler", "schedule", "optimizer", "diagnostic", "alarm")


@dataclass(frozen=True)
class Entry:
    """Something that has a name: its kind, its id, and the class or function itself."""

    kind: str
    id: str
    target: Callable[..., Any]

    @property
    def name(self) -> str:
        """The id without the file or package that it came from.

        Example:
            >>> Entry("game", "/home/me/mine.py:tug-of-war", dict).name
            'tug-of-war'
        """
        return self.id.rsplit(":", 1)[-1].rsplit(".", 1)[-1]

    @property
    def summary(self) -> str:
        """First sentence of its docstring."""
        text = inspect.getdoc(self.target) or ""
        return text.split("\n\n")[0].replace("\n", " ").strip()


_games: dict[str, Entry] = {}


def register(id: str) -> Callable[[type[T]], type[T]]:
    """Give a game its short id, by which the command line, configs and `gymnasium.make` know it.

    `@register("tug-of-war") class TugOfWar(Game)` becomes `arena play tug-of-war` and `gym.make("arena/TugOfWar-v0")`.

    Raises:
        GameFault: where the id is taken by another game, or is not made of lower-case words with dashes.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id):
        raise GameFault(f"'{id}' cannot be a game's id; use lower-case letters and digits with single dashes, such as 'tug-of-war'")

    def decorate(cls: type[T]) -> type[T]:
        taken = _games.get(id)
        if taken is not None and _source(taken.target) == f"arena.{_source(cls)}":
            file = cls.__module__
            raise GameFault(f"{file} was imported a second time, as {file} and as arena.{file}; import it as arena.{file} only")
        if taken is not None and _source(taken.target) != _source(cls):
            raise GameFault(f"the id '{id}' is taken by {_source(taken.target)}; register {cls.__name__} under another")
        _games[id] = Entry("game", id, cls)
        import gymnasium

        gym_id = f"arena/{cls.__name__}-v0"
        gymnasium.registry.pop(gym_id, None)
        gymnasium.register(
            id=gym_id, entry_point="arena.config.gym:make", vector_entry_point="arena.config.gym:make_vec", kwargs={"game": id}
        )
        return cls

    return decorate


def entries(kind: str) -> dict[str, Entry]:
    """All entries of a kind by id.

    Example:
        >>> sorted(entries("rule"))[-2:]
        ['symplectic-gradient-adjustment', 'unrolled']
    """
    modules = _modules(kind)  # importing a module of games registers them
    return dict(sorted(_games.items())) if kind == "game" else dict(_found(kind, modules))


def shelf(base: type[T], package: str) -> dict[str, T]:
    """Import every file of a package, and return an instance of each concrete subclass of a base class, by its class name with dashes.

    Args:
        base: Base class, whose subclasses need no arguments.
        package: Import name of the package.
    """
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(module.name)
    kinds, pending = [], [base]
    while pending:
        subclasses = pending.pop().__subclasses__()
        pending += subclasses
        kinds += [kind for kind in subclasses if kind.__module__.startswith(f"{package}.") and not getattr(kind, "__abstractmethods__", ())]
    return dict(sorted((dashed(kind.__name__), kind()) for kind in kinds))


def dashed(name: str) -> str:
    """A class or function name as an id.

    Example:
        >>> dashed("TwoTimescale"), dashed("dann_ramp"), dashed("MLP")
        ('two-timescale', 'dann-ramp', 'mlp')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).replace("_", "-").lower()


@functools.cache
def _modules(kind: str) -> tuple[ModuleType, ...]:
    found: list[ModuleType] = []
    for point in entry_points(group=f"arena.{kind}s"):
        try:
            found.append(point.load())
        except ImportError as error:
            raise ArenaError(f"the {kind}s of '{point.value}' cannot be imported ({error}); reinstall or remove that package") from error
    return tuple(found)


@functools.cache
def _found(kind: str, modules: tuple[ModuleType, ...]) -> dict[str, Entry]:
    found = {}
    for module in modules:
        for name, part in sorted(sys.modules.items()):
            if part is None or not f"{name}.".startswith(f"{module.__name__}."):
                continue
            for attribute, member in vars(part).items():
                if not attribute.startswith("_") and getattr(member, "__module__", None) == name and is_kind(kind, member):
                    entry = Entry(kind, dashed(attribute), member)
                    found[entry.id] = entry
    return dict(sorted(found.items()))


def is_kind(kind: str, member: object) -> bool:
    """Return whether a definition is of that kind.

    A function is recognised by its first argument, a player as an `nn.Module`. The base class of every other kind names its kind in
    `_arena_kind`, so that the registry imports none of them. The base classes themselves and abstract classes do not count.
    """
    if kind in ("schedule", "optimizer"):
        if not inspect.isfunction(member):
            return False
        first = next(iter(inspect.signature(member).parameters), None)
        return first == {"schedule": "progress", "optimizer": "parameters"}[kind]
    if not inspect.isclass(member) or inspect.isabstract(member):
        return False
    if kind == "player":
        from torch import nn

        return issubclass(member, nn.Module) and member is not nn.Module
    return getattr(member, "_arena_kind", None) == kind and "_arena_kind" not in vars(member)


def _source(target: object) -> str:
    return f"{getattr(target, '__module__', '?')}.{getattr(target, '__qualname__', '?')}"
