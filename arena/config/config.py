"""The configuration is data: one nested dictionary from which the command line, YAML and Python build the same objects.

Every setting has one dotted name: `rule`, `rule.gamma`, `scheduler.ratio`, `coupling`, `turns`, `generator.lr`, `generator.hidden`; a
game's own arguments stand at the top (`batch`, `noise`). The settings that exist follow from the components that are chosen: they
are the arguments of those classes and functions, with their types, defaults and documentation.
"""

import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import yaml
from torch import nn

from arena.accelerate.process_group import join
from arena.config.components import (
    arguments_of,
    choose,
    components_of,
    default_players,
    game_entry,
    inner_rules,
    probe,
    roles_of,
    split_objects,
    swappable,
    told_to,
)
from arena.config.options import GROUPS, RunOptions
from arena.config.parser import parse, parser_of, typed_as
from arena.config.settings import Component, Settings, flatten, normal, normal_arguments, plain, put
from arena.core.game import Game
from arena.core.measures import Evaluation
from arena.engine.env import Arena
from arena.errors import BadSetting
from arena.registry.entries import Entry
from arena.registry.lookup import lookup
from arena.rules.base import UpdateRule
from arena.schedulers.base import Scheduler


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
        return roles_of(self.game.target)

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
        components = components_of(roles_of(self.game.target), swappable(self.game.target))
        made = {c.key: self._factory(c) for c in components}
        own = set(arguments_of(self.game.target)) - set(roles_of(self.game.target))
        players = {role: made[f"{role}.player"] for role in roles_of(self.game.target) if f"{role}.player" in made}
        given = self.objects.get("game")
        build = functools.partial(self.game.target, **{name: self.settings[name] for name in own if name in self.settings}, **players)
        roles = roles_of(self.game.target)
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
        roles = roles_of(self.game.target)
        names = [name for name in arguments_of(self.game.target) if name not in roles]
        for component in components_of(roles, swappable(self.game.target)):
            if component.kind == "player" and component.key not in self.objects:
                target = lookup("player", self.flat()[component.key]).target
                names += [f"{component.prefix}.{name}" for name in arguments_of(target, told_to(self.game.target, component))]
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
            typed = [f"--{name}={typed_as(value)}" for name, value in changes.items()]
            return configure(game, settings, [*arguments, *typed])
        varied = copy.deepcopy(self.settings)
        for name, value in changes.items():
            put(varied, name, value)
        game, given, arguments = self.source
        typed = [f"--{name}={typed_as(value)}" for name, value in changes.items()]
        return Config(self.game, varied, self.objects, (game, given, (*arguments, *typed)))

    def _factory(self, component: Component) -> Callable[..., Any]:
        if component.key in self.objects:
            given = self.objects[component.key]
            if isinstance(given, nn.Module):
                return functools.partial(_as_it_was, given, copy.deepcopy(given.state_dict()))
            return (lambda: given) if isinstance(given, (UpdateRule, Scheduler)) else given
        flat = self.flat()
        entry = lookup(component.kind, flat[component.key])
        names = arguments_of(entry.target, told_to(self.game.target, component))
        arguments = {name: flat[f"{component.prefix}.{name}"] for name in names}
        for inner in inner_rules(component, entry):
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
    entry, objects = game_entry(game)
    roles = roles_of(entry.target)
    components = components_of(roles, swappable(entry.target))
    more = components
    while more:  # a rule may wrap another one, whose arguments are settings too
        recipe = normal({**default_players(entry.target, roles), **probe(entry.target).recipe}, components)
        data, given = split_objects(normal(settings or {}, components), components)
        objects |= given
        data.pop("game", None)
        typed = normal_arguments(arguments, components)
        chosen = choose(components, recipe, data, typed, objects)
        more = [inner for c, e in chosen.items() for inner in inner_rules(c, e) if inner not in components]
        components = components + more
    parser = parser_of(prog, entry, chosen, recipe, objects)
    if "--help" in arguments or "-h" in arguments:
        parser.print_help()
        raise SystemExit(0)
    namespace = parse(parser, data, typed, set(roles) - set(swappable(entry.target)))
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
        copy.copy(probe(entry.target)).evaluated(config.evaluation)  # so that an unknown metric is told of before anything starts
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


def _evaluated(build: Callable[[], Game], evaluation: Evaluation) -> Game:
    return build().evaluated(evaluation)


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


def _described(value: Any) -> str:
    cls = value if inspect.isclass(value) or inspect.isfunction(value) else type(value)
    return f"{cls.__module__}.{cls.__qualname__}"
