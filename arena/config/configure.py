"""Make a complete configuration from a game, settings and command-line arguments."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from arena.config.components import choose, components_of, game_entry, inner_rules, probe, recipe_of, roles_of, split_objects, swappable
from arena.config.config import Config
from arena.config.form import Form
from arena.config.options import GROUPS, RunOptions
from arena.config.own_data import placed, settled
from arena.config.settings import flatten, nest, normal, of_both, typed_pairs
from arena.core.game import Game
from arena.core.torch_settings import pick_device
from arena.registry.entries import Entry
from arena.registry.signature import settings_of


def configure(
    game: str | type[Game] | Game,
    settings: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
) -> Config:
    """Return a complete, checked configuration; arguments win over settings, and settings over the game's recipe.

    Args:
        game: Id, import path or file of a game, a Game class, or a Game.
        settings: Nested data as in a config file, or dotted names; components may also be objects.
        arguments: Options as on the command line, such as `["--rule", "extragradient", "--rule.gamma", ".5"]`; `--help` prints all.
            `*.lr` is the setting `lr` of both players.

    Raises:
        UnknownName: Unknown game, component or setting; the error gives the nearest one.
        BadSetting: A value is out of its range.
        ArenaError: A value has the wrong type.

    Example:
        >>> config = configure("swiss-roll", {"generator.lr": 1e-4}, ["--rule", "extragradient", "--rule.gamma", ".5"])
        >>> config.settings["rule"]
        {'name': 'extragradient', 'gamma': 0.5, 'batch': 'same', 'moments': 'kept'}
        >>> configure("swiss-roll", {"generator.lrr": 1e-4})
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown setting 'generator.lrr': did you mean 'generator.lr'?
    """
    entry, objects = game_entry(game)
    settings = placed(entry.target, settings or {})
    components = more = list(components_of(entry.target))
    roles = roles_of(entry.target)
    given, pairs = dict(of_both(flatten(settings).items(), roles)), of_both(typed_pairs(arguments, _flags(entry)), roles)
    given.pop("game", None)
    while more:  # because a rule may wrap another rule, whose arguments are settings as well
        short = {component.short for component in components}
        in_order = sorted(given.items(), key=lambda pair: pair[0] in short)  # because the order of a mapping means nothing
        recipe = normal(recipe_of(entry.target).items(), components)
        data, taken = split_objects(normal(in_order, components), components)
        objects |= taken
        typed = normal(pairs, components)
        chosen = choose(components, recipe, {**data, **typed}, objects)
        more = [inner for c, e in chosen.items() if c.kind == "rule" for inner in inner_rules(c, e) if inner not in components]
        components = components + more
    form = Form(entry, chosen, recipe, given="game" in objects)
    if "--help" in arguments or "-h" in arguments:
        from arena.config.help import print_help

        print_help(entry, form)
        raise SystemExit(0)
    fixed = set(roles) - set(swappable(entry.target))
    values = {"game": entry.id, **settled(entry.target, form.fill(data, typed, fixed))}
    values |= {key: f"python:{_described(thing)}" for key, thing in objects.items() if key != "game"}
    values["device"] = str(pick_device(values["device"]))
    config = Config(entry, nest(values), objects, (game, settings, tuple(arguments)), configure)
    for name in GROUPS:
        config.group(name)
    if config.run.metric:
        copy.copy(probe(entry.target)).evaluated(config.evaluation)  # raises for an unknown metric
    return config


def _flags(game: Entry) -> set[str]:
    """Return the settings that are true or false, or may be."""
    targets = {"": RunOptions, **{f"{prefix}.": options for prefix, options in GROUPS.items()}}
    places = [("", game.target), *targets.items()]
    return {f"{prefix}{name}" for prefix, target in places for name, p in settings_of(target).items() if _is_flag(p.annotation)}


def _is_flag(annotation: Any) -> bool:
    """Return whether a setting may be true, as the word for it alone says."""
    return annotation is bool or (get_origin(annotation) is Literal and True in get_args(annotation))


def _described(value: Any) -> str:
    cls = value if inspect.isclass(value) or inspect.isfunction(value) else type(value)
    return f"{cls.__module__}.{cls.__qualname__}"
