"""Find the games, players, rules, schedulers, schedules, optimizers, diagnostics, alarms, ailments and trackers that have a name.

Installed packages announce modules through entry points (`arena.games`, `arena.players`, …), so that nothing here imports upwards. Every
file of an announced package is imported. A game is registered by its decorator. Of every other kind, each public class or function counts,
under its name in lower case with dashes.
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
KINDS = ("game", "player", "rule", "scheduler", "schedule", "optimizer", "diagnostic", "alarm", "ailment", "tracker")


@dataclass(frozen=True)
class Entry:
    """A named class or function: its kind, its id, and the class or function."""

    kind: str
    id: str
    target: Callable[..., Any]

    @property
    def name(self) -> str:
        """The id without its file or package.

        Example:
            >>> Entry("game", "/home/me/mine.py:tug-of-war", dict).name
            'tug-of-war'
        """
        return self.id.rsplit(":", 1)[-1].rsplit(".", 1)[-1]

    @property
    def summary(self) -> str:
        """First paragraph of the docstring."""
        text = inspect.getdoc(self.target) or ""
        return text.split("\n\n")[0].replace("\n", " ").strip()


_games: dict[str, Entry] = {}


def register(id: str) -> Callable[[type[T]], type[T]]:
    """Give a game its id for the command line, configurations and `gymnasium.make`.

    `@register("tug-of-war") class TugOfWar(Game)` is played by `arena play tug-of-war` and made by `gym.make("arena/TugOfWar-v0")`. Raises
    GameFault if another game has the id, or if the id is not lower-case words with dashes.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id):
        raise GameFault(f"'{id}' cannot be a game's id; use lower-case letters and digits with single dashes, such as 'tug-of-war'")

    def decorate(cls: type[T]) -> type[T]:
        source, taken = path_of(cls), path_of(_games[id].target) if id in _games else ""
        if taken == f"arena.{source}":
            file = cls.__module__
            raise GameFault(f"{file} was imported a second time, as {file} and as arena.{file}; import it as arena.{file} only")
        if taken not in ("", source):
            raise GameFault(f"the id '{id}' is taken by {taken}; register {cls.__name__} under another")
        _games[id] = Entry("game", id, cls)
        import gymnasium

        gym_id, place = f"arena/{cls.__name__}-v0", "arena.config.gym"
        gymnasium.registry.pop(gym_id, None)
        gymnasium.register(gym_id, entry_point=f"{place}:make", vector_entry_point=f"{place}:make_vec", kwargs={"game": id})
        return cls

    return decorate


def entries(kind: str) -> dict[str, Entry]:
    """Return all entries of a kind by id.

    Example:
        >>> sorted(entries("rule"))[-2:]
        ['symplectic-gradient-adjustment', 'unrolled']
    """
    modules = _modules(kind)  # importing the modules of games registers the games
    return dict(sorted(_games.items())) if kind == "game" else dict(_scan(kind, modules))


def named(kind: str, name: str) -> Entry | None:
    """Return the entry of an id or a class name, or None. Definitions with other names are not read."""
    letters = re.sub("[-_]", "", name).lower()
    known = entries(kind) if kind == "game" else _scan(kind, _modules(kind), letters)
    return known.get(name) or known.get(dashed(name))


def shelf(base: type[T], package: str) -> dict[str, T]:
    """Import every file of a package, and return an instance of each concrete subclass of a base class, by its class name with dashes."""
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(module.name)
    kinds, pending = [], [base]
    while pending:
        subclasses = pending.pop().__subclasses__()
        pending += subclasses
        kinds += [kind for kind in subclasses if kind.__module__.startswith(f"{package}.") and not getattr(kind, "__abstractmethods__", ())]
    return dict(sorted((dashed(kind.__name__), kind()) for kind in kinds))


def dashed(name: str) -> str:
    """Return the name of a class or function as an id.

    Example:
        >>> dashed("TwoTimescale"), dashed("dann_ramp"), dashed("MLP")
        ('two-timescale', 'dann-ramp', 'mlp')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).replace("_", "-").lower()


@functools.cache
def _modules(kind: str) -> tuple[ModuleType, ...]:
    """Return the announced modules of a kind, after importing every file of those that are packages."""
    modules: list[ModuleType] = []
    for point in entry_points(group=f"arena.{kind}s"):
        try:
            module = point.load()
            for part in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{module.__name__}."):
                if not part.name.endswith(".__main__"):
                    importlib.import_module(part.name)
            modules.append(module)
        except ImportError as error:
            raise ArenaError(f"the {kind}s of '{point.value}' cannot be imported ({error}); reinstall or remove that package") from error
    return tuple(modules)


@functools.cache
def _scan(kind: str, modules: tuple[ModuleType, ...], letters: str = "") -> dict[str, Entry]:
    """Return the entries below these modules; with `letters`, only those with these letters in their id, apart from dashes."""
    definitions = {}
    for module in modules:
        for name, part in sorted(sys.modules.items()):
            if part is None or not f"{name}.".startswith(f"{module.__name__}."):
                continue
            for attribute, member in vars(part).items():
                if attribute.startswith("_") or (letters and letters != attribute.replace("_", "").lower()):
                    continue
                if getattr(member, "__module__", None) == name and is_kind(kind, member):
                    id = dashed(attribute)
                    definitions[id] = Entry(kind, id, member)
    return dict(sorted(definitions.items()))


def is_kind(kind: str, member: object) -> bool:
    """Return whether a definition is of that kind; base classes and abstract classes are not.

    A function is recognised by its first argument, a player as an `nn.Module`. The base class of every other kind names its kind in
    `_arena_kind`, so that the registry imports none of them.
    """
    if kind in ("schedule", "optimizer"):
        first = next(iter(inspect.signature(member).parameters), None) if inspect.isfunction(member) else None
        return first == {"schedule": "progress", "optimizer": "parameters"}[kind]
    if not inspect.isclass(member) or inspect.isabstract(member):
        return False
    if kind == "player":
        from torch import nn

        return issubclass(member, nn.Module) and member is not nn.Module
    return getattr(member, "_arena_kind", None) == kind and "_arena_kind" not in vars(member)


def path_of(target: object) -> str:
    """Return the import path of a class or function."""
    return f"{getattr(target, '__module__', '?')}.{getattr(target, '__qualname__', '?')}"
