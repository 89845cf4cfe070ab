"""The components of a game: rule, scheduler and coupling; for each role a player, an optimizer and a schedule of the learning rate."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from inspect import Parameter
from typing import Any

from arena.config.settings import Component, Settings, flatten
from arena.core.game import Game
from arena.core.rng import global_streams
from arena.errors import ArenaError, BadSetting, GameFault
from arena.registry.entries import Entry
from arena.registry.loading import entry_of
from arena.registry.lookup import lookup
from arena.registry.signature import parameters_of, rules_in, settings_of

DEFAULTS = {"rule": "simultaneous", "scheduler": "simultaneous", "schedule": "constant", "optimizer": "adam", "player": "mlp"}
"""The choice by kind of component if neither the user nor the game's recipe makes one."""


def game_entry(game: str | type[Game] | Game) -> tuple[Entry, dict[str, Any]]:
    """Return a game's entry, and the objects that were given: the game, or none."""
    if isinstance(game, str):
        return lookup("game", game), {}
    if not isinstance(game, Game):
        if not callable(game):
            what = type(game).__name__
            raise ArenaError(f"an object of the class {what} is no game. Expected the id, the file, the class or an object of a game")
        return entry_of("game", game), {}
    _given[type(game)] = game
    return entry_of("game", type(game)), {"game": game}


_given: dict[Callable[..., Game], Game] = {}
"""The latest game of each class that was given as an object; it stands for those that cannot be built without arguments."""


@functools.cache
def probe(game: Callable[..., Game]) -> Game:
    """Return the game with its default arguments, built once, else one that was given; its slots and recipe are read from it."""
    try:
        with global_streams():
            return game()
    except TypeError as error:
        if game in _given:
            return _given[game]
        name = getattr(game, "__name__", "game")
        raise GameFault(f"{name}() could not be built without arguments ({error}); give every argument a default") from error


def roles_of(game: Callable[..., Game]) -> tuple[str, str]:
    """Return the game's two roles."""
    return probe(game).roles


@functools.cache
def swappable(game: Callable[..., Game]) -> tuple[str, ...]:
    """Return the roles whose player can be chosen: those that are arguments of the game's constructor."""
    return tuple(role for role in roles_of(game) if role in parameters_of(game))


@functools.cache
def recipe_of(game: Callable[..., Game]) -> Settings:
    """Return the settings that the game recommends: its recipe, and the default players of its constructor."""
    settings: Settings = {}
    arguments = parameters_of(game)
    for role in swappable(game):
        default = arguments[role].default
        cls = getattr(default, "func", default)  # a functools.partial of a class, or a class
        if inspect.isclass(cls):
            settings[role] = entry_of("player", cls).id
            settings |= {f"{role}.{name}": value for name, value in getattr(default, "keywords", {}).items()}
    return settings | flatten(probe(game).recipe)


@functools.cache
def components_of(game: Callable[..., Game]) -> tuple[Component, ...]:
    """Return the components of a game, without the rules that a rule wraps."""
    components = [Component("rule.name", "rule", "rule", "rule"), Component("scheduler.name", "scheduler", "scheduler", "scheduler")]
    components.append(Component("coupling.name", "coupling", "schedule", "coupling"))
    for role in roles_of(game):
        if role in swappable(game):
            components.append(Component(f"{role}.player", role, "player", role))
        components.append(Component(f"{role}.optimizer", f"{role}.optimizer", "optimizer", role))
        components.append(Component(f"{role}.schedule.name", f"{role}.schedule", "schedule", f"{role}.schedule"))
    return tuple(components)


def inner_rules(component: Component, entry: Entry) -> list[Component]:
    """Return the rules that a chosen rule wraps, as components: `rule.inner`."""
    places = [f"{component.prefix}.{name}" for name in rules_in(entry.target)]
    return [Component(f"{place}.name", place, "rule", place) for place in places]


def choose(components: Iterable[Component], recipe: Settings, given: Settings, objects: Collection[str]) -> dict[Component, Entry]:
    """Return the entry of each component that is not given as an object; a given choice wins over the recipe's."""
    chosen = {}
    for component in components:
        if component.key in objects:
            continue
        name = given.get(component.key, recipe.get(component.key, DEFAULTS[component.kind]))
        if component.kind == "scheduler" and component.key not in given:
            rule = given.get("rule.name", "" if "rule.name" in objects else DEFAULTS["rule"])
            if rule != recipe.get("rule.name", DEFAULTS["rule"]):  # published rules move both players in a turn
                name = DEFAULTS["scheduler"]
        if not isinstance(name, str):
            raise BadSetting(component.short, name, f"the name of {'an' if component.kind[0] in 'aeiou' else 'a'} {component.kind}")
        if name.startswith("python:"):
            raise ArenaError(
                f"{component.short} was the Python object {name[7:]}, which no config file can rebuild; give it again from Python"
            )
        chosen[component] = lookup(component.kind, name)
    return chosen


def split_objects(flat: Settings, components: Sequence[Component]) -> tuple[Settings, dict[str, Any]]:
    """Return the data, and the components that were given as objects; an importable class or function becomes its name."""
    data, objects = dict(flat), {}
    for component in components:
        value = data.get(component.key)
        if value is None or not (callable(value) or getattr(value, "_arena_kind", None) in ("rule", "scheduler")):
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            name = entry_of(component.kind, value).id
            if "." not in name or (value.__module__ != "__main__" and value.__qualname__.isidentifier()):
                data[component.key] = name
                continue
        objects[component.key] = data.pop(component.key)
    return data, objects


def settings_of_choice(game: Callable[..., Game], component: Component, entry: Entry) -> dict[str, Parameter]:
    """Return the arguments of a choice that are settings, without those of a player that the game fills in."""
    settings = dict(settings_of(entry.target))
    slot = probe(game).slots.get(component.prefix) if component.kind == "player" else None
    for name in slot.arguments if slot else ():
        settings.pop(name, None)
    return settings
