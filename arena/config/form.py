"""The settings that follow from the chosen components, with their types and values."""

import difflib
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from inspect import Parameter
from typing import Any, NamedTuple

from arena.config.components import DEFAULTS, roles_of, settings_of_choice
from arena.config.groups import Groups
from arena.config.options import GROUPS, RunOptions
from arena.config.settings import Component, Settings, nest, typed_as
from arena.config.weights import Start
from arena.errors import ArenaError, BadSetting, GameFault, UnknownName
from arena.optimizers.clipping import Clipping
from arena.registry.entries import Entry
from arena.registry.lookup import lookup
from arena.registry.signature import parameters_of, settings_of
from arena.registry.values import value_of

_RESERVED = {*parameters_of(RunOptions), *GROUPS, "rule", "scheduler", "coupling", "game", "out", "config"}
"""Names that a game's own arguments cannot have."""


class Section(NamedTuple):
    """The settings of one class or function, with the start of their dotted names; for a component also the component and its entry."""

    target: Callable[..., Any]
    prefix: str
    parameters: Mapping[str, Parameter]
    choice: tuple[Component, Entry] | None = None


class Form:
    """All settings of a choice of components.

    Args:
        game: The game's entry.
        chosen: The entry of each component.
        recipe: The settings that the game recommends.
        given: Whether the game is given as an object, which has its required arguments already.

    Attributes:
        sections: The settings by class or function.
        parameters: Types and defaults by dotted name.
        values: Defaults and values of the recipe, by dotted name.
    """

    def __init__(self, game: Entry, chosen: Mapping[Component, Entry], recipe: Settings, given: bool = False):
        self.roles = roles = roles_of(game.target)
        settings = {name: p for name, p in settings_of(game.target).items() if name not in roles}
        settings = {name: p for name, p in settings.items() if not given or p.default is not Parameter.empty}
        if taken := _RESERVED & settings.keys():
            raise GameFault(f"{game.id} has an argument '{min(taken)}', which is the name of a setting of every run; rename it")
        self.sections = [Section(game.target, "", settings), Section(RunOptions, "", settings_of(RunOptions))]
        for component, entry in chosen.items():
            parameters = settings_of_choice(game.target, component, entry)
            self.sections.append(Section(entry.target, f"{component.prefix}.", parameters, (component, entry)))
        self.sections += [Section(target, f"{role}.", settings_of(target)) for role in roles for target in (Clipping, Groups)]
        own = {section.prefix for section in self.sections if "weights" in section.parameters}  # a player's own argument of that name wins
        self.sections += [Section(Start, f"{role}.", settings_of(Start)) for role in roles if f"{role}." not in own]
        self.sections += [Section(options, f"{prefix}.", settings_of(options)) for prefix, options in GROUPS.items()]
        self.parameters: dict[str, Parameter] = {}
        self.values: Settings = {}
        for section in self.sections:
            usual: Mapping[str, Any] = recipe
            if section.choice is not None:
                component, entry = section.choice
                self.parameters[component.key], self.values[component.key] = _CHOICE, entry.id
                name = recipe.get(component.key, DEFAULTS[component.kind])
                if name != entry.id and lookup(component.kind, name) != entry:
                    usual = {}  # because the recipe's numbers belong to another choice
            for argument, parameter in section.parameters.items():
                name = section.prefix + argument
                if name in self.parameters:
                    raise ArenaError(f"{name} is an argument of two components, {section.target.__name__} among them; rename one of them")
                value = usual.get(name, parameter.default)
                self.parameters[name] = parameter
                self.values[name] = float(value) if parameter.annotation is float and type(value) is int else value

    def fill(self, data: Settings, typed: Settings, fixed: Collection[str]) -> Settings:
        """Return all values, with text that was typed over data; `fixed` are the roles whose player cannot be chosen."""
        values = dict(self.values)
        for name, given in {**data, **typed}.items():
            if name not in self.parameters:
                raise self._unknown(name, data, fixed)
            if self.parameters[name] is not _CHOICE:
                values[name] = value_of(name, self.parameters[name].replace(default=self.values[name]), given)
        if Parameter.empty in values.values():
            missing = [name for name, value in values.items() if value is Parameter.empty]
            raise ArenaError(f"{' and '.join(missing)} must be given, because there is no default; write --{missing[0]} VALUE")
        return values

    def _unknown(self, name: str, data: Settings, fixed: Iterable[str]) -> ArenaError:
        """Return an error with the nearest setting."""
        known = self.parameters
        for place in _places(name):
            if place in known:
                if name not in data:
                    return UnknownName("setting", name, [place])
                example = self.values[place]
                kind = "list" if isinstance(example, (tuple, list)) else "number" if isinstance(example, (int, float)) else "value"
                inside = nest({key.removeprefix(f"{place}."): value for key, value in data.items() if key.startswith(f"{place}.")})
                return BadSetting(place, inside, f"one {kind}, such as {typed_as(example)}")
        if (role := name.removesuffix(".player")) in fixed:
            hint = f"the game builds its {role} itself; give its __init__ an argument {role} to choose one"
            return UnknownName("setting", name, None, hint)
        of_players = self._of_players(name)
        if below := of_players or [key for key in known if key.startswith(f"{name}.")]:
            hint = " (It is a setting of a player.)" if of_players else " (It is the place of several settings.)"
            return UnknownName("setting", name, below, hint)
        places = {place for key in known for place in _places(key)}
        prefix, _, _ = name.rpartition(".")
        choice = self.values.get(f"{prefix}.name")
        beside = [key for key in places if key.startswith(f"{prefix}.") and key.count(".") == name.count(".") and not key.endswith(".name")]
        if choice is None or difflib.get_close_matches(name, beside, cutoff=0.6):
            return UnknownName("setting", name, places)
        return UnknownName("setting", name, beside, f" (The {prefix} is {choice}.)")

    def _of_players(self, name: str) -> list[str]:
        """Return the settings of the players that a name without a role can mean: `lr` means `*.lr`."""
        there = [f"{role}.{name}" for role in self.roles if f"{role}.{name}" in self.parameters]
        return [f"*.{name}"] if len(there) == len(self.roles) else there


_CHOICE = Parameter("choice", Parameter.KEYWORD_ONLY, annotation=str)


def _places(name: str) -> Iterable[str]:
    """Return a dotted name and the places above: a, a.b and a.b.c."""
    return itertools.accumulate(name.split("."), lambda place, part: f"{place}.{part}")
