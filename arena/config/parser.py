"""From settings to a parser of the command line and back, and what is said of settings that there are not or that have the wrong kind."""

import difflib
import inspect
import itertools
import json
import re
from argparse import ArgumentError
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from arena.config.components import arguments_of, chosen_in, roles_of, told_to
from arena.config.options import GROUPS, RunOptions
from arena.config.settings import Component, Settings, flatten, get, plain
from arena.errors import ArenaError, BadSetting, GameFault, UnknownName
from arena.registry.construct import kind_error
from arena.registry.entries import Entry, entries
from arena.registry.grammar import split
from arena.registry.signature import parameters_of


def parser_of(prog: str, game: Entry, chosen: Mapping[Component, Entry], recipe: Settings, objects: Mapping[str, Any]) -> ArgumentParser:
    """A parser of every setting that follows from what is chosen, with the recipe's defaults."""
    parser = ArgumentParser(
        prog=f"{prog} {game.id}",
        usage=f"{prog} {game.id} [--out FOLDER] [--config FILE] [--SETTING VALUE ...]",
        description=game.summary,
        exit_on_error=False,
        allow_abbrev=False,
        default_env=False,
    )
    roles = roles_of(game.target)
    own = [name for name in arguments_of(game.target) if name not in roles]
    group = parser.add_argument_group(f"the game: {game.name}")
    if own:
        group.add_class_arguments(game.target, None, skip=_others(game.target, own), as_group=False)
    group = parser.add_argument_group("the run")
    group.add_class_arguments(RunOptions, None, as_group=False)
    taken = set(own) & {*inspect.signature(RunOptions).parameters, *GROUPS, "rule", "scheduler", "coupling", "game", "out", "config"}
    if taken:
        raise GameFault(f"{game.id} has an argument '{min(taken)}', which is the name of a setting of every run; rename it")
    for component, entry in chosen.items():
        others = ", ".join(entries(component.kind))
        title = f"{component.short}: {entry.id}" + ("" if component.kind == "game" else f"  (--{component.short} NAME; there are {others})")
        group = parser.add_argument_group(title, entry.summary)
        group.add_argument(f"--{component.key}", type=str, default=entry.id, help=f"which {component.kind}")
        names = arguments_of(entry.target, told_to(game.target, component))
        if names:
            add = group.add_class_arguments if inspect.isclass(entry.target) else group.add_function_arguments
            add(entry.target, component.prefix, skip=_others(entry.target, names), as_group=False)
        if chosen_in(recipe, component) == entry.id:
            flat = flatten(recipe)
            parser.set_defaults({k: flat[k] for n in names if (k := f"{component.prefix}.{n}") in flat})
    for prefix, options in GROUPS.items():
        parser.add_argument_group(prefix).add_class_arguments(options, prefix, as_group=False)
    known = flatten(parser.get_defaults().as_dict())
    general = {k: v for k, v in flatten(recipe).items() if k in known and not any(k.startswith(f"{c.prefix}.") for c in chosen)}
    parser.set_defaults(general)
    return parser


def parse(parser: ArgumentParser, data: Settings, typed: list[tuple[str, str]], fixed: Iterable[str]) -> Namespace:
    """All settings, from data and from what was typed.

    Raises:
        UnknownName: for a setting that there is not.
        ArenaError: for a value of the wrong kind.
    """
    known = flatten(parser.get_defaults().as_dict())
    for name in [*flatten(data), *(key for key, _ in typed)]:
        if name not in known:
            raise _unknown_setting(name, known, data, fixed)
    lists = {name for name, value in known.items() if isinstance(value, (tuple, list))}
    arguments = []
    for key, value in typed:
        wrap = key in lists and not value.lstrip().startswith(("[", "("))
        listed = json.dumps(split(value)) if "(" in value else f"[{value}]"  # commas inside brackets belong to arguments
        arguments += [f"--{key}={listed if wrap else _whole(known[key], value)}"]
    said: Mapping[str, str] = {}
    try:
        namespace = parser.parse_object(plain(_whole_in(data, known)))
        said = dict(typed)
        return parser.parse_args(arguments, namespace=namespace)
    except ArgumentError as error:
        raise kind_error(str(error), known, said) from error


def _whole(example: object, value: Any) -> Any:
    """A whole number, where one is wanted, that was written as 1e3 or 1000.0, in plain digits.

    Example:
        >>> _whole(1000, "1e3"), _whole(1000, 500.0), _whole(1000, "2.5"), _whole(0.1, "1e3")
        ('1000', 500, '2.5', '1e3')
    """
    if not isinstance(example, int) or isinstance(example, bool):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if not isinstance(value, str) or not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e\+?\d{1,2})?", value, re.IGNORECASE) or value.isdigit():
        return value
    return str(int(float(value))) if float(value).is_integer() else value


def _whole_in(data: Settings, known: Mapping[str, Any], prefix: str = "") -> Settings:
    return {
        name: _whole_in(value, known, f"{prefix}{name}.") if isinstance(value, dict) else _whole(known.get(f"{prefix}{name}"), value)
        for name, value in data.items()
    }


def _unknown_setting(name: str, known: Mapping[str, Any], data: Settings, fixed: Iterable[str]) -> ArenaError:
    for place in itertools.accumulate(name.split("."), lambda a, b: f"{a}.{b}"):
        if place in known:
            found, there = get(data, place)
            if there:
                kind = (
                    "list" if isinstance(known[place], (tuple, list)) else "number" if isinstance(known[place], (int, float)) else "value"
                )
                return BadSetting(place, found, f"one {kind}, such as {typed_as(known[place])}")
            return UnknownName("setting", name, [place])
    inside = [k for k in known if k.startswith(f"{name}.")]
    if name.removesuffix(".player") in fixed:
        role = name.removesuffix(".player")
        return UnknownName("setting", name, None, f"the game builds its {role} itself; give its __init__ an argument {role} to choose one")
    if inside:
        return UnknownName("setting", name, inside, " (It is the place of several settings.)")
    places = {place for k in known for place in itertools.accumulate(k.split("."), lambda a, b: f"{a}.{b}")}
    prefix, _, _ = name.rpartition(".")
    chosen = known.get(f"{prefix}.name")
    beside = [k for k in places if k.startswith(f"{prefix}.") and k.count(".") == name.count(".") and not k.endswith(".name")]
    if chosen is None or difflib.get_close_matches(name, beside, cutoff=0.6):
        return UnknownName("setting", name, places)
    return UnknownName("setting", name, beside, f" (The {prefix} is {chosen}.)")


def _others(target: Callable[..., Any], names: Iterable[str]) -> set[str | int]:
    """Every other argument, also those of base classes that the class fills in itself."""
    bases = {name for cls in getattr(target, "__mro__", ()) for name in inspect.signature(cls.__init__).parameters}
    own = set(names)
    return {name for name in (*bases, *parameters_of(target)) if name not in own}


def typed_as(value: object) -> str:
    """A value as it would be typed."""
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
