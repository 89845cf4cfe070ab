"""The configuration is data: one nested dictionary from which the command line, YAML and Python build the same objects.

Every setting has one dotted name: `rule`, `rule.gamma`, `scheduler.ratio`, `coupling`, `turns`, `generator.lr`, `generator.hidden`; a
game's own arguments stand at the top (`batch`, `noise`). The settings that exist follow from the components that are chosen: they
are the arguments of those classes and functions, with their types, defaults and documentation.
"""

import copy
import difflib
import functools
import inspect
import itertools
import json
import re
import typing
from argparse import ArgumentError
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser, Namespace
from torch import nn

from arena.arguments import parameters_of
from arena.calls import split
from arena.env import Arena
from arena.errors import ArenaError, BadSetting, GameFault, UnknownName, did_you_mean
from arena.evaluation import Evaluation
from arena.game import Game
from arena.options import GROUPS, RunOptions
from arena.ranks import join
from arena.registry import Entry, entries, lookup
from arena.rules.base import UpdateRule
from arena.schedulers import Scheduler
from arena.settings import Component, Settings, drop, flatten, get, normal, normal_arguments, plain, put

_SKIP = {"foreach", "maximize", "capturable", "differentiable", "fused", "params", "parameters", "progress", "inputs", "outputs"}
_DEFAULTS = {"rule": "simultaneous", "scheduler": "simultaneous", "schedule": "constant", "optimizer": "adam", "player": "mlp"}


@dataclass
class Config:
    """A complete configuration: plain data, and what was given from Python as an object instead.

    Args:
        game: the game's entry in the registry.
        settings: every setting as nested plain data; `yaml.safe_dump` of it reproduces the run.
        objects: objects given in the place of data, by the key of their component.
        source: the game, settings and arguments that it was made from.
    """

    game: Entry
    settings: Settings
    objects: dict[str, Any]
    source: tuple[Any, Mapping[str, Any], Sequence[str]] = ("", {}, ())

    def flat(self) -> Settings:
        """Settings by dotted name.

        Example:
            >>> config = configure("bilinear", {"turns": 7})
            >>> config.flat()["turns"], config.flat()["rule.name"]
            (7, 'simultaneous')
        """
        return flatten(self.settings)

    def dump(self) -> str:
        """The configuration as YAML."""
        return yaml.safe_dump(plain(self.settings), sort_keys=False, allow_unicode=True)

    @property
    def run(self) -> RunOptions:
        return RunOptions(**{name: self.settings[name] for name in inspect.signature(RunOptions).parameters})

    @property
    def roles(self) -> tuple[str, str]:
        """The game's two roles."""
        return _roles(self.game.target)

    def group(self, name: str) -> Any:
        """The options under one prefix (`trace`, `score`, `metrics`, `picture`, `checkpoint`)."""
        return _construct(GROUPS[name], self.settings[name], name)

    @property
    def evaluation(self) -> Evaluation:
        """How the game is measured."""
        metrics = self.group("metrics")
        return Evaluation(self.run.metric, metrics.radius, metrics.region, metrics.covered)

    def build(self, render_mode: str | None = None) -> Arena:
        """The arena that this configuration describes; under torchrun, shared with the other processes."""
        ranks = join(self.run.device)
        shared = {} if ranks is None else {"ranks": ranks, "device": ranks.device}
        return _at("", Arena, **self.parts() | shared, render_mode=render_mode)

    def parts(self) -> dict[str, Any]:
        """What the arena is built from: the arguments of `Arena`."""
        run = self.run
        components = _components(_roles(self.game.target), _swappable(self.game.target))
        made = {c.key: self._factory(c) for c in components}
        own = set(_arguments(self.game.target)) - set(_roles(self.game.target))
        players = {role: made[f"{role}.player"] for role in _roles(self.game.target) if f"{role}.player" in made}
        given = self.objects.get("game")
        build = functools.partial(self.game.target, **{name: self.settings[name] for name in own if name in self.settings}, **players)
        roles = _roles(self.game.target)
        rule: UpdateRule = made["rule.name"]()
        scheduler: Scheduler = made["scheduler.name"]()
        for role in roles:  # so that a bad value is told before anything starts
            made[f"{role}.optimizer"]([nn.Parameter(torch.zeros(1))])
        return {
            "game": given.evaluated(self.evaluation) if given is not None else functools.partial(_evaluated, build, self.evaluation),
            "rule": rule,
            "optimizers": {role: made[f"{role}.optimizer"] for role in roles},
            "rates": {role: made[f"{role}.schedule.name"] for role in roles},
            "scheduler": scheduler,
            "coupling": made["coupling.name"],
            "turns": run.turns,
            "seed": run.seed,
            "score_every": self.group("score").every,
            "device": pick_device(run.device),
            "dtype": getattr(torch, run.dtype),
            "compile": run.compile,
            "cuda_graphs": run.cuda_graphs,
            "micro_batches": run.micro_batches,
            "autocast": run.autocast,
            "channels_last": run.channels_last,
            "threads": run.threads,
        }

    def numbers_of_game(self) -> tuple[tuple[str, float], ...]:
        """The numbers with a decimal point that the game and its players are built with, by setting."""
        roles = _roles(self.game.target)
        names = [name for name in _arguments(self.game.target) if name not in roles]
        for component in _components(roles, _swappable(self.game.target)):
            if component.kind == "player" and component.key not in self.objects:
                target = lookup("player", self.flat()[component.key]).target
                names += [f"{component.prefix}.{name}" for name in _arguments(target, _told(self.game.target, component))]
        flat = self.flat()
        return tuple((name, flat[name]) for name in names if isinstance(flat.get(name), float))

    def example(self) -> Game:
        """The game, with players of no particular seed."""
        parts = self.parts()
        with torch.random.fork_rng(devices=[]):
            return parts["game"] if isinstance(parts["game"], Game) else parts["game"]()

    def vary(self, changes: Mapping[str, Any]) -> "Config":
        """The same configuration with some settings changed.

        Numbers that take the place of numbers are put in directly, so that thousands of configurations cost little; everything else is
        configured anew.

        Args:
            changes: values by dotted name.

        Raises:
            UnknownName: for a setting that there is not.

        Example:
            >>> configure("swiss-roll").vary({"generator.lr": 0.5}).flat()["generator.lr"]
            0.5
        """
        flat = self.flat()
        if not all(_same_kind(flat.get(name), value) for name, value in changes.items()):
            game, settings, arguments = self.source
            typed = [f"--{name}={_typed(value)}" for name, value in changes.items()]
            return configure(game, settings, [*arguments, *typed])
        varied = copy.deepcopy(self.settings)
        for name, value in changes.items():
            put(varied, name, value)
        game, given, arguments = self.source
        typed = [f"--{name}={_typed(value)}" for name, value in changes.items()]
        return Config(self.game, varied, self.objects, (game, given, (*arguments, *typed)))

    def _factory(self, component: Component) -> Callable[..., Any]:
        if component.key in self.objects:
            given = self.objects[component.key]
            if isinstance(given, nn.Module):
                return functools.partial(_as_it_was, given, copy.deepcopy(given.state_dict()))
            return (lambda: given) if isinstance(given, (UpdateRule, Scheduler)) else given
        flat = self.flat()
        entry = lookup(component.kind, flat[component.key])
        names = _arguments(entry.target, _told(self.game.target, component))
        arguments = {name: flat[f"{component.prefix}.{name}"] for name in names}
        for inner in _inner_rules(component, entry):
            arguments[inner.prefix.rpartition(".")[2]] = self._factory(inner)()
        if component.kind == "player":  # told apart from other sources of shapes by its class name in messages
            return functools.partial(entry.target, **arguments)
        return functools.partial(_construct, entry.target, arguments, component.prefix)  # says the prefix where a value is refused


def configure(
    game: str | type[Game] | Game,
    settings: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
    *,
    prog: str = "arena play",
) -> Config:
    """A complete, checked configuration from a game, settings (nested or dotted) and command-line arguments; later ones win.

    Args:
        game: id, import path or file of a game, a Game class, or a Game.
        settings: nested data as in a config file, or dotted names; components may also be objects.
        arguments: options as on the command line, such as `["--rule", "extragradient", "--rule.gamma", ".5"]`.

    Raises:
        UnknownName: for an unknown game, component or setting, with the nearest one.
        BadSetting: for a value of the wrong type or out of range.

    Example:
        >>> config = configure("swiss-roll", {"generator.lr": 1e-4}, ["--rule", "extragradient", "--rule.gamma", ".5"])
        >>> config.settings["rule"]
        {'name': 'extragradient', 'gamma': 0.5, 'batch': 'same', 'moments': 'kept'}
        >>> configure("swiss-roll", {"generator.lrr": 1e-4})
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown setting 'generator.lrr': did you mean 'generator.lr'?
    """
    entry, objects = _game_entry(game)
    roles = _roles(entry.target)
    components = _components(roles, _swappable(entry.target))
    more = components
    while more:  # a rule may wrap another one, whose arguments are settings too
        recipe = normal({**_default_players(entry.target, roles), **_probe(entry.target).recipe}, components)
        data, given = _split_objects(normal(settings or {}, components), components)
        objects |= given
        data.pop("game", None)
        typed = normal_arguments(arguments, components)
        chosen = _choose(components, recipe, data, typed, objects)
        more = [inner for c, e in chosen.items() for inner in _inner_rules(c, e) if inner not in components]
        components = components + more
    parser = _parser(prog, entry, chosen, recipe, objects)
    if "--help" in arguments or "-h" in arguments:
        parser.print_help()
        raise SystemExit(0)
    namespace = _parse(parser, data, typed, set(roles) - set(_swappable(entry.target)))
    complete = {"game": entry.id, **namespace.as_dict()}
    for component, choice in chosen.items():
        put(complete, component.key, choice.id)
    for key, given_object in objects.items():
        if key != "game":
            put(complete, key, f"python:{_described(given_object)}")
    config = Config(entry, complete, objects, (game, dict(settings or {}), tuple(arguments)))
    complete["device"] = str(pick_device(config.run.device))  # so that the config says where the run was played
    for name in GROUPS:
        config.group(name)
    if config.run.metric:
        copy.copy(_probe(entry.target)).evaluated(config.evaluation)  # so that an unknown metric is told of before anything starts
    return config


def make(game: str, render_mode: str | None = None, **settings: Any) -> Arena:
    """What `gymnasium.make("arena/SwissRoll-v0", rule="extragradient", generator={"lr": 1e-4})` calls."""
    return configure(game, settings).build(render_mode)


def pick_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one.

    Raises:
        BadSetting: for a device that does not exist here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadSetting("device", name, "auto, cpu, cuda or cuda:1") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadSetting("device", name, f"auto or cpu: torch sees {torch.cuda.device_count()} GPUs here")
    return device


# The components of a game's configuration ---------------------------------------------------------------------------------------


def _game_entry(game: str | type[Game] | Game) -> tuple[Entry, dict[str, Any]]:
    if isinstance(game, str):
        return lookup("game", game), {}
    cls = type(game) if isinstance(game, Game) else game
    known = next((e for e in entries("game").values() if e.target is cls), None)
    entry = known or Entry("game", f"{cls.__module__}.{cls.__qualname__}", cls)
    return entry, ({"game": game} if isinstance(game, Game) else {})


def _evaluated(build: Callable[[], Game], evaluation: Evaluation) -> Game:
    return build().evaluated(evaluation)


@functools.cache
def _probe(game: Callable[..., Game]) -> Game:
    try:
        with torch.random.fork_rng(devices=[]):
            return game()
    except TypeError as error:
        name = getattr(game, "__name__", "game")
        raise GameFault(f"{name}() could not be built without arguments ({error}); give every argument a default") from error


def _roles(game: Callable[..., Game]) -> tuple[str, str]:
    return _probe(game).roles


def _swappable(game: Callable[..., Game]) -> tuple[str, ...]:
    """Roles that the game lets one fill: those that its constructor has an argument for."""
    return tuple(role for role in _roles(game) if role in parameters_of(game))


def _default_players(game: Callable[..., Game], roles: Iterable[str]) -> Settings:
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


def _components(roles: Iterable[str], swappable: Iterable[str]) -> list[Component]:
    found = [Component("rule.name", "rule", "rule", "rule"), Component("scheduler.name", "scheduler", "scheduler", "scheduler")]
    found.append(Component("coupling.name", "coupling", "schedule", "coupling"))
    for role in roles:
        if role in swappable:
            found.append(Component(f"{role}.player", role, "player", role))
        found.append(Component(f"{role}.optimizer", f"{role}.optimizer", "optimizer", role))
        found.append(Component(f"{role}.schedule.name", f"{role}.schedule", "schedule", f"{role}.schedule"))
    return found


def _inner_rules(component: Component, entry: Entry) -> list[Component]:
    """The rules that a chosen rule wraps, as components of their own: `rule.inner`."""
    if component.kind != "rule":
        return []
    places = [f"{component.prefix}.{name}" for name in _wrapped(entry.target)]
    return [Component(f"{place}.name", place, "rule", place) for place in places]


def _wrapped(target: Callable[..., Any]) -> list[str]:
    """Arguments that are update rules."""
    takes = {name: typing.get_args(p.annotation) or (p.annotation,) for name, p in inspect.signature(target).parameters.items()}
    return [name for name, kinds in takes.items() if UpdateRule in kinds]


def _choose(
    components: list[Component], recipe: Settings, data: Settings, typed: list[tuple[str, str]], objects: Mapping[str, Any]
) -> dict[Component, Entry]:
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


# From settings to a parser and back ---------------------------------------------------------------------------------------------


def _parser(prog: str, game: Entry, chosen: Mapping[Component, Entry], recipe: Settings, objects: Mapping[str, Any]) -> ArgumentParser:
    parser = ArgumentParser(
        prog=f"{prog} {game.id}",
        usage=f"{prog} {game.id} [--out FOLDER] [--config FILE] [--SETTING VALUE ...]",
        description=game.summary,
        exit_on_error=False,
        allow_abbrev=False,
        default_env=False,
    )
    roles = _roles(game.target)
    own = [name for name in _arguments(game.target) if name not in roles]
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
        names = _arguments(entry.target, _told(game.target, component))
        if names:
            add = group.add_class_arguments if inspect.isclass(entry.target) else group.add_function_arguments
            add(entry.target, component.prefix, skip=_others(entry.target, names), as_group=False)
        if _chosen_in(recipe, component) == entry.id:
            flat = flatten(recipe)
            parser.set_defaults({k: flat[k] for n in names if (k := f"{component.prefix}.{n}") in flat})
    for prefix, options in GROUPS.items():
        parser.add_argument_group(prefix).add_class_arguments(options, prefix, as_group=False)
    known = flatten(parser.get_defaults().as_dict())
    general = {k: v for k, v in flatten(recipe).items() if k in known and not any(k.startswith(f"{c.prefix}.") for c in chosen)}
    parser.set_defaults(general)
    return parser


def _chosen_in(recipe: Settings, component: Component) -> str:
    name = flatten(recipe).get(component.key, _DEFAULTS[component.kind])
    return lookup(component.kind, name).id


def _parse(parser: ArgumentParser, data: Settings, typed: list[tuple[str, str]], fixed: Iterable[str]) -> Namespace:
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
        raise _kind_error(str(error), known, said) from error


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
                return BadSetting(place, found, f"one {kind}, such as {_typed(known[place])}")
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


def _kind_error(text: str, known: Mapping[str, Any], said: Mapping[str, str]) -> ArenaError:
    """jsonargparse's message in our one sentence, with values as they were typed."""
    key = re.search(r'Parser key "([^"]+)"', text)
    expected = re.findall(r"Expected an? (.+?)\. Got value: (.*)", text)
    if key and expected:
        kind = expected[0][0].replace("typing.", "").replace("<class '", "").replace("'>", "")
        choices = re.search(r"Literal\[(.*)\]", kind)
        found = said.get(key[1], expected[0][1])
        if choices:
            words = [w.strip(" '\"") for w in choices[1].split(",")]
            return ArenaError(f"{key[1]} is '{found}': {did_you_mean(found, words)}")
        example = known.get(key[1])
        in_words = {"int": "a whole number", "float": "a finite number", "bool": "true or false"}
        if isinstance(example, (list, tuple)):
            wanted = f"numbers such as {','.join(map(str, example))}" if example else "a list such as a,b,c"
            return ArenaError(f"{key[1]} is '{found}', but must be {wanted}")
        return ArenaError(f"{key[1]} is '{found}', but must be {in_words.get(kind, kind)}, such as {example}")
    return ArenaError(" ".join(text.split()))


def _split_objects(data: Settings, components: list[Component]) -> tuple[Settings, dict[str, Any]]:
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


def _told(game: Callable[..., Game], component: Component) -> Iterable[str]:
    """Arguments of a player that the game tells it, so that they are no settings of the player's own."""
    slot = _probe(game).slots.get(component.prefix) if component.kind == "player" else None
    return () if slot is None else slot.told


def _arguments(target: Callable[..., Any], told: Iterable[str] = ()) -> list[str]:
    """The arguments of a class or function that are settings."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    skip = {*_SKIP, *_wrapped(target), *told}
    return [n for n, p in parameters_of(target).items() if n not in skip and p.kind in kinds]


def _others(target: Callable[..., Any], names: Iterable[str]) -> set[str | int]:
    """Every other argument, also those of base classes that the class fills in itself."""
    bases = {name for cls in getattr(target, "__mro__", ()) for name in inspect.signature(cls.__init__).parameters}
    own = set(names)
    return {name for name in (*bases, *parameters_of(target)) if name not in own}


def _as_it_was(module: nn.Module, start: Mapping[str, Any]) -> nn.Module:
    """A module that was given from Python, back at its start, so that every episode begins with the same player."""
    module.load_state_dict(start)
    return module


def _construct(target: Callable[..., Any], arguments: Mapping[str, Any], place: str, *positional: Any) -> Any:
    return _at(place, target, *positional, **arguments)


def _at(place: str, target: Callable[..., Any], *positional: Any, **arguments: Any) -> Any:
    """Call, and say where the setting stands if its value is refused."""
    try:
        return target(*positional, **arguments)
    except BadSetting as error:
        raise error.prefixed(place) from None


def _same_kind(old: object, new: object) -> bool:
    """Whether a number, or as many of them, may stand in the other's place without being parsed."""
    if isinstance(old, bool) or isinstance(new, bool):
        return False
    if isinstance(old, (tuple, list)) and isinstance(new, (tuple, list)):
        return len(old) == len(new) and all(map(_same_kind, old, new))
    return (isinstance(old, float) and isinstance(new, (int, float))) or (isinstance(old, int) and isinstance(new, int))


def _typed(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _described(value: Any) -> str:
    cls = value if inspect.isclass(value) or inspect.isfunction(value) else type(value)
    return f"{cls.__module__}.{cls.__qualname__}"
