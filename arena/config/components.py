"""The components that a game is played with, and which are chosen: rule, scheduler, coupling; by role players, optimizers and rates.

A component is a class or function under a name; its settings are the arguments of it that nobody else fills in.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from arena.config.settings import Component, Settings, drop, flatten, get, put
from arena.core.game import Game
from arena.errors import ArenaError, BadSetting, GameFault
from arena.registry.entries import Entry, entries
from arena.registry.lookup import lookup
from arena.registry.signature import parameters_of
from arena.rules.base import UpdateRule
from arena.schedulers.base import Scheduler

_SKIP = {"foreach", "maximize", "capturable", "differentiable", "fused", "params", "parameters", "progress", "inputs", "outputs"}
_DEFAULTS = {"rule": "simultaneous", "scheduler": "simultaneous", "schedule": "constant", "optimizer": "adam", "player": "mlp"}


def game_entry(game: str | type[Game] | Game) -> tuple[Entry, dict[str, Any]]:
    """A game's entry in the registry, made where it has none; and the game, where it was given as an object."""
    if isinstance(game, str):
        return lookup("game", game), {}
    cls = type(game) if isinstance(game, Game) else game
    known = next((e for e in entries("game").values() if e.target is cls), None)
    entry = known or Entry("game", f"{cls.__module__}.{cls.__qualname__}", cls)
    return entry, ({"game": game} if isinstance(game, Game) else {})


@functools.cache
def probe(game: Callable[..., Game]) -> Game:
    """The game as it is without arguments, built once, of which is asked what it has."""
    try:
        with torch.random.fork_rng(devices=[]):
            return game()
    except TypeError as error:
        name = getattr(game, "__name__", "game")
        raise GameFault(f"{name}() could not be built without arguments ({error}); give every argument a default") from error


def roles_of(game: Callable[..., Game]) -> tuple[str, str]:
    """The game's two roles."""
    return probe(game).roles


def swappable(game: Callable[..., Game]) -> tuple[str, ...]:
    """Roles that the game lets one fill: those that its constructor has an argument for."""
    return tuple(role for role in roles_of(game) if role in parameters_of(game))


def default_players(game: Callable[..., Game], roles: Iterable[str]) -> Settings:
    """The players that the game's constructor takes by default, as settings."""
    found: Settings = {}
    arguments = parameters_of(game)
    for role in roles:
        default = getattr(arguments.get(role), "default", None)
        cls = getattr(default, "func", default)  # a functools.partial of a class, or a class
        if inspect.isclass(cls):
            found[role] = next((e.id for e in entries("player").values() if e.target is cls), f"{cls.__module__}.{cls.__qualname__}")
            found |= {f"{role}.{name}": value for name, value in getattr(default, "keywords", {}).items()}
    return found


def components_of(roles: Iterable[str], swappable: Iterable[str]) -> list[Component]:
    """All components of a game with these roles, but the rules that a rule wraps."""
    found = [Component("rule.name", "rule", "rule", "rule"), Component("scheduler.name", "scheduler", "scheduler", "scheduler")]
    found.append(Component("coupling.name", "coupling", "schedule", "coupling"))
    for role in roles:
        if role in swappable:
            found.append(Component(f"{role}.player", role, "player", role))
        found.append(Component(f"{role}.optimizer", f"{role}.optimizer", "optimizer", role))
        found.append(Component(f"{role}.schedule.name", f"{role}.schedule", "schedule", f"{role}.schedule"))
    return found


def inner_rules(component: Component, entry: Entry) -> list[Component]:
    """The rules that a chosen rule wraps, as components of their own: `rule.inner`."""
    if component.kind != "rule":
        return []
    places = [f"{component.prefix}.{name}" for name in _wrapped(entry.target)]
    return [Component(f"{place}.name", place, "rule", place) for place in places]


def _wrapped(target: Callable[..., Any]) -> list[str]:
    """Arguments that are update rules."""
    takes = {name: typing.get_args(p.annotation) or (p.annotation,) for name, p in inspect.signature(target).parameters.items()}
    return [name for name, kinds in takes.items() if UpdateRule in kinds]


def choose(
    components: list[Component], recipe: Settings, data: Settings, typed: list[tuple[str, str]], objects: Mapping[str, Any]
) -> dict[Component, Entry]:
    """The entry of each component that is not given as an object: what was typed wins over data, data over the game's recipe."""
    usual, given = flatten(recipe), {**flatten(data), **dict(typed)}
    rule = given.get("rule.name", "" if "rule.name" in objects else _DEFAULTS["rule"])
    if rule != usual.get("rule.name", _DEFAULTS["rule"]):
        usual.pop("scheduler.name", None)  # a recipe's scheduler goes with its rule; published rules move both players at once
    wanted = {**_DEFAULTS, **usual, **given}
    chosen = {}
    for component in components:
        if component.key in objects:
            continue
        name = wanted.get(component.key, _DEFAULTS[component.kind])
        if not isinstance(name, str):
            raise BadSetting(component.short, name, f"the name of {'an' if component.kind[0] in 'aeiou' else 'a'} {component.kind}")
        if name.startswith("python:"):
            raise ArenaError(
                f"{component.short} was the Python object {name[7:]}, which no config file can rebuild; give it again from Python"
            )
        chosen[component] = lookup(component.kind, name)
    return chosen


def chosen_in(recipe: Settings, component: Component) -> str:
    """What a recipe chooses for a component."""
    name = flatten(recipe).get(component.key, _DEFAULTS[component.kind])
    return lookup(component.kind, name).id


def split_objects(data: Settings, components: list[Component]) -> tuple[Settings, dict[str, Any]]:
    """Take out components that were given as Python objects; classes that can be imported again become their import path."""
    objects = {}
    for component in components:
        value, found = get(data, component.key)
        if not found or not (callable(value) or isinstance(value, (UpdateRule, Scheduler))):
            continue  # data, which has to be a name
        if inspect.isclass(value) or inspect.isfunction(value):
            known = next((e.id for e in entries(component.kind).values() if e.target is value), None)
            importable = value.__module__ != "__main__" and "<" not in value.__qualname__ and "." not in value.__qualname__
            if known or importable:
                put(data, component.key, known or f"{value.__module__}.{value.__qualname__}")
                continue
        objects[component.key] = value
        drop(data, component.key)
    return data, objects


def told_to(game: Callable[..., Game], component: Component) -> Iterable[str]:
    """Arguments of a player that the game tells it, so that they are no settings of the player's own."""
    slot = probe(game).slots.get(component.prefix) if component.kind == "player" else None
    return () if slot is None else slot.told


def arguments_of(target: Callable[..., Any], told: Iterable[str] = ()) -> list[str]:
    """The arguments of a class or function that are settings."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    skip = {*_SKIP, *_wrapped(target), *told}
    return [n for n, p in parameters_of(target).items() if n not in skip and p.kind in kinds]
