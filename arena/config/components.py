"""The components that a game is played with: rule, scheduler and coupling; for each role a player, an optimizer and a schedule of its rate.

A component is a class or function with a name; its settings are its remaining constructor arguments.
"""

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import torch

from arena.config.settings import Component, Settings, flatten
from arena.core.game import Game
from arena.errors import ArenaError, BadSetting, GameFault
from arena.registry.entries import Entry, entries
from arena.registry.lookup import lookup
from arena.registry.signature import parameters_of, rules_in

DEFAULTS = {"rule": "simultaneous", "scheduler": "simultaneous", "schedule": "constant", "optimizer": "adam", "player": "mlp"}
"""By kind of component, the choice if neither the user nor the game's recipe makes one."""


def game_entry(game: str | type[Game] | Game) -> tuple[Entry, dict[str, Any]]:
    """Return a game's entry in the registry, made if it has none; and the game, if it was given as an object."""
    if isinstance(game, str):
        return lookup("game", game), {}
    cls = type(game) if isinstance(game, Game) else game
    known = next((e for e in entries("game").values() if e.target is cls), None)
    entry = known or Entry("game", f"{cls.__module__}.{cls.__qualname__}", cls)
    return entry, ({"game": game} if isinstance(game, Game) else {})


@functools.cache
def probe(game: Callable[..., Game]) -> Game:
    """Return the game with its default arguments, built once, to read its slots and recipe from."""
    try:
        with torch.random.fork_rng(devices=[]):
            return game()
    except TypeError as error:
        name = getattr(game, "__name__", "game")
        raise GameFault(f"{name}() could not be built without arguments ({error}); give every argument a default") from error


def roles_of(game: Callable[..., Game]) -> tuple[str, str]:
    """Return the game's two roles."""
    return probe(game).roles


@functools.cache
def swappable(game: Callable[..., Game]) -> tuple[str, ...]:
    """Return the roles whose player can be chosen, because the game's constructor has an argument of that name."""
    return tuple(role for role in roles_of(game) if role in parameters_of(game))


@functools.cache
def recipe_of(game: Callable[..., Game]) -> Settings:
    """Return the settings that the game recommends, by dotted name: its recipe, and the players that its constructor takes by default."""
    found: Settings = {}
    arguments = parameters_of(game)
    for role in swappable(game):
        default = arguments[role].default
        cls = getattr(default, "func", default)  # a functools.partial of a class, or a class
        if inspect.isclass(cls):
            found[role] = next((e.id for e in entries("player").values() if e.target is cls), f"{cls.__module__}.{cls.__qualname__}")
            found |= {f"{role}.{name}": value for name, value in getattr(default, "keywords", {}).items()}
    return found | flatten(probe(game).recipe)


@functools.cache
def components_of(game: Callable[..., Game]) -> tuple[Component, ...]:
    """Return all components of a game, without the rules that a rule wraps."""
    found = [Component("rule.name", "rule", "rule", "rule"), Component("scheduler.name", "scheduler", "scheduler", "scheduler")]
    found.append(Component("coupling.name", "coupling", "schedule", "coupling"))
    for role in roles_of(game):
        if role in swappable(game):
            found.append(Component(f"{role}.player", role, "player", role))
        found.append(Component(f"{role}.optimizer", f"{role}.optimizer", "optimizer", role))
        found.append(Component(f"{role}.schedule.name", f"{role}.schedule", "schedule", f"{role}.schedule"))
    return tuple(found)


def inner_rules(component: Component, entry: Entry) -> list[Component]:
    """Return the rules that a chosen rule wraps, as components of their own: `rule.inner`."""
    if component.kind != "rule":
        return []
    places = [f"{component.prefix}.{name}" for name in rules_in(entry.target)]
    return [Component(f"{place}.name", place, "rule", place) for place in places]


def choose(components: Iterable[Component], recipe: Settings, given: Settings, objects: Collection[str]) -> dict[Component, Entry]:
    """Return the entry of each component that is not given as an object; a given choice wins over the one of the recipe.

    Raises:
        UnknownName: For an unknown name, with the nearest one.
        BadSetting: If a choice is not a name.
    """
    chosen = {}
    for component in components:
        if component.key in objects:
            continue
        name = given.get(component.key, recipe.get(component.key, DEFAULTS[component.kind]))
        if component.kind == "scheduler" and component.key not in given:
            rule = given.get("rule.name", "" if "rule.name" in objects else DEFAULTS["rule"])
            if rule != recipe.get("rule.name", DEFAULTS["rule"]):  # a recipe's scheduler goes with its rule, because published
                name = DEFAULTS["scheduler"]  # rules move both players at once
        if not isinstance(name, str):
            raise BadSetting(component.short, name, f"the name of {'an' if component.kind[0] in 'aeiou' else 'a'} {component.kind}")
        if name.startswith("python:"):
            raise ArenaError(
                f"{component.short} was the Python object {name[7:]}, which no config file can rebuild; give it again from Python"
            )
        chosen[component] = lookup(component.kind, name)
    return chosen


def split_objects(flat: Settings, components: Sequence[Component]) -> tuple[Settings, dict[str, Any]]:
    """Take out components that were given as Python objects; a class that can be imported again becomes its import path."""
    data, objects = dict(flat), {}
    for component in components:
        value = data.get(component.key)
        if value is None or not (callable(value) or getattr(value, "_arena_kind", None) in ("rule", "scheduler")):
            continue  # data, which has to be a name
        if inspect.isclass(value) or inspect.isfunction(value):
            known = next((e.id for e in entries(component.kind).values() if e.target is value), None)
            importable = value.__module__ != "__main__" and "<" not in value.__qualname__ and "." not in value.__qualname__
            if known or importable:
                data[component.key] = known or f"{value.__module__}.{value.__qualname__}"
                continue
        objects[component.key] = data.pop(component.key)
    return data, objects


def told_to(game: Callable[..., Game], component: Component) -> Mapping[str, Any]:
    """Return the arguments of a player that the game fills in, so that they are no settings of the player."""
    slot = probe(game).slots.get(component.prefix) if component.kind == "player" else None
    return {} if slot is None else slot.arguments
