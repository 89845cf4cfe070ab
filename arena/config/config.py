"""A complete configuration: nested plain data, from which the objects of a run are built.

Every setting has one dotted name: `rule`, `rule.gamma`, `turns`, `generator.lr`, `generator.hidden`; a game's own arguments stand at the
top (`batch`, `noise`). The settings are the arguments of the chosen classes and functions, with their types, defaults and documentation.
"""

import copy
import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import yaml
from torch import nn

from arena.accelerate.process_group import join
from arena.config.carried import Carried
from arena.config.components import components_of, inner_rules, roles_of, settings_of_choice
from arena.config.groups import Groups
from arena.config.options import GROUPS, RunOptions
from arena.config.settings import Component, Settings, flatten, nest, plain, typed_as
from arena.config.weights import Starts
from arena.core.faults import faults_of
from arena.core.game import Game
from arena.core.measures import Evaluation
from arena.core.preserve import wake
from arena.core.rng import global_streams
from arena.core.torch_settings import pick_device
from arena.engine.env import Arena
from arena.errors import ArenaError, BadSetting, cause
from arena.optimizers.clipping import Clipping, clipped
from arena.optimizers.groups import Grouped
from arena.registry.construct import bind_schedule, call
from arena.registry.entries import Entry
from arena.registry.lookup import lookup
from arena.registry.signature import settings_of
from arena.rules.base import UpdateRule
from arena.schedulers.base import Scheduler

_RUN = tuple(field.name for field in dataclasses.fields(RunOptions))


@dataclass
class Config:
    """A complete configuration.

    Args:
        game: The game's entry in the registry.
        settings: Every setting as nested plain data.
        objects: Objects given instead of data, by the key of their component.
        source: The game, settings and arguments of the configuration.
        configure: The function that made the configuration from its source.
        begins: Whether what is built begins a run, with weights from files; otherwise a checkpoint gives all state.
    """

    game: Entry
    settings: Settings
    objects: dict[str, Any]
    source: tuple[Any, Mapping[str, Any], Sequence[str]]
    configure: Callable[..., "Config"]
    begins: bool = True

    def flat(self) -> Settings:
        """Return the settings by dotted name."""
        return flatten(self.settings)

    def dump(self) -> str:
        """Return the configuration as YAML."""
        return yaml.safe_dump(plain(self.settings), sort_keys=False, allow_unicode=True)

    @property
    def run(self) -> RunOptions:
        """The options of the run."""
        return RunOptions(**{name: self.settings[name] for name in _RUN})

    @property
    def roles(self) -> tuple[str, str]:
        """The game's two roles."""
        return roles_of(self.game.target)

    def group(self, name: str) -> Any:
        """Return the options of one prefix, such as `trace` or `score`."""
        return call(name, GROUPS[name], **self.settings[name])

    @property
    def evaluation(self) -> Evaluation:
        """The evaluation of the game."""
        metrics = self.group("metrics")
        return Evaluation(metrics.radius, metrics.region, metrics.covered, metric=self.settings["metric"])

    @property
    def score_name(self) -> str:
        """Name of the score on axes: that of the metric in its place, or the game's own.

        Example:
            >>> from arena.config import configure
            >>> configure("bilinear").score_name, configure("ring", {"metric": "energy-distance"}).score_name
            ('distance to the solution', 'energy-distance')
        """
        name: str = self.settings["metric"] or self.game.target.score_is  # type: ignore[attr-defined]
        return name

    def build(self, render_mode: str | None = None) -> Arena:
        """Return the arena that this configuration describes; under torchrun, shared with the other processes."""
        ranks = join(self.run.device)
        shared = {} if ranks is None else {"ranks": ranks, "device": ranks.device}
        return Arena(**self.parts() | shared, render_mode=render_mode)

    def restored(self) -> "Config":
        """Return the configuration for an arena whose state comes from a checkpoint, so that no file of weights is read."""
        return dataclasses.replace(self, begins=False)

    def parts(self) -> dict[str, Any]:
        """Return the arguments of `Arena`."""
        run, roles, flat = self.run, self.roles, self.flat()
        same = ("turns", "seed", "compile", "cuda_graphs", "micro_batches", "autocast", "channels_last", "threads")
        built = {component.key: self._built(component, flat) for component in components_of(self.game.target)}
        return {
            "game": self._game_builder(built),
            "rule": built["rule.name"],
            "optimizers": {role: self._clipped(role, built[f"{role}.optimizer"], flat) for role in roles},
            "rates": {role: built[f"{role}.schedule.name"] for role in roles},
            "scheduler": built["scheduler.name"],
            "coupling": built["coupling.name"],
            "score_every": self.settings["score"]["every"],
            "device": pick_device(run.device),
            "dtype": getattr(torch, run.dtype),
            "start": Carried(run.begin_from, flat) if run.begin_from and self.begins else None,
        } | {name: getattr(run, name) for name in same}

    def numbers_of_game(self) -> tuple[tuple[str, float], ...]:
        """Return the floating-point settings of the game and its players."""
        names = [name for name in settings_of(self.game.target) if name not in self.roles]
        flat = self.flat()
        for component in components_of(self.game.target):
            if component.kind == "player" and component.key not in self.objects:
                names += [f"{component.prefix}.{name}" for name in self._read(component, flat)[1]]
        return tuple((name, flat[name]) for name in names if isinstance(flat.get(name), float))

    def example(self) -> Game:
        """Return the game, with players of an arbitrary seed."""
        game = self.restored().parts()["game"]
        with global_streams():
            return game if isinstance(game, Game) else game()

    def vary(self, changes: Mapping[str, Any]) -> "Config":
        """Return the configuration with other values, by dotted name.

        Numbers replace numbers directly, so that thousands of configurations cost little; other changes are configured anew.

        Example:
            >>> from arena import configure
            >>> configure("swiss-roll").vary({"generator.lr": 0.5}).flat()["generator.lr"]
            0.5
        """
        game, settings, arguments = self.source
        arguments = (*arguments, *(f"--{name}={typed_as(value)}" for name, value in changes.items()))
        flat = self.flat()
        if not all(_same_kind(flat.get(name), value) for name, value in changes.items()):
            return self.configure(game, settings, arguments)
        return dataclasses.replace(self, settings=copy.deepcopy(nest({**flat, **changes})), source=(game, settings, arguments))

    def paced(self, named: Collection[str]) -> "Config":
        """Return the configuration with as many scores, metrics, pictures and checkpoints in its turns as the game's own has.

        Args:
            named: Settings that were given. Without `turns` among them, or with an interval, nothing changes.

        Example:
            >>> from arena import configure
            >>> short = configure("swiss-roll", {"turns": 100}).paced({"turns"})
            >>> short.settings["score"]["every"], short.settings["trace"]["every"]
            (4, 100)
        """
        if "turns" not in named or any(name.endswith(".every") for name in named):
            return self
        usual, flat = self.configure(self.source[0]).flat(), self.flat()
        names = [f"{group}.every" for group in ("score", "metrics", "picture", "checkpoint")]
        scaled = {name: max(1, round(usual[name] * flat["turns"] / usual["turns"])) for name in names if usual[name]}
        return self.vary(scaled)

    def _game_builder(self, players: Mapping[str, Any]) -> Game | Callable[[], Game]:
        """Return the game that was given, or a function that builds the game."""
        sources = self.sources() if self.begins else {}
        if (given := self.objects.get("game")) is not None:
            if sources:
                raise BadSetting(f"{min(sources)}.weights", sources[min(sources)], "none for a game that is given as an object")
            return given.evaluated(self.evaluation)
        arguments = {
            name: self.settings[name] for name in settings_of(self.game.target) if name in self.settings and name not in self.roles
        }
        filled = {role: players[f"{role}.player"] for role in self.roles if f"{role}.player" in players}
        build = functools.partial(self.game.target, **arguments, **filled)
        return Starts(sources).of(functools.partial(_evaluated, build, self.evaluation))

    def sources(self) -> dict[str, str]:
        """Return the files or runs of weights by role; a player's own argument `weights` is none."""
        flat, own = self.flat(), set[str]()
        for component in components_of(self.game.target):
            if component.kind == "player" and component.key not in self.objects and "weights" in self._read(component, flat)[1]:
                own.add(component.prefix)
        return {role: str(flat[f"{role}.weights"]) for role in self.roles if role not in own and flat.get(f"{role}.weights")}

    def _read(self, component: Component, flat: Settings) -> tuple[Entry, dict[str, Any]]:
        """Return the entry of a component and its arguments."""
        entry = lookup(component.kind, flat[component.key])
        return entry, {name: flat[f"{component.prefix}.{name}"] for name in settings_of_choice(self.game.target, component, entry)}

    @staticmethod
    def _clipped(role: str, factory: Any, flat: Settings) -> Any:
        """Return the optimizer of a role with its limits and its groups of parameters, if it has some."""
        limits = {name: flat[f"{role}.{name}"] for name in settings_of(Clipping)}
        factory = clipped(factory, call(role, Clipping, **limits)) if any(limits.values()) else factory
        groups = call(role, Groups, groups=flat[f"{role}.groups"]).numbers
        return Grouped(factory, groups) if groups else factory

    def _built(self, component: Component, flat: Settings) -> Any:
        """Return a rule, scheduler or schedule, or a function that builds a player or an optimizer; raise for bad values."""
        if component.key in self.objects:
            given = self.objects[component.key]
            if isinstance(given, nn.Module):
                return functools.partial(_as_it_was, given, copy.deepcopy(given.state_dict()))
            return given() if component.kind in ("rule", "scheduler") and not isinstance(given, (UpdateRule, Scheduler)) else given
        entry, arguments = self._read(component, flat)
        if component.kind == "schedule":
            return bind_schedule(component.prefix, entry, arguments)
        for inner in inner_rules(component, entry) if component.kind == "rule" else ():
            arguments[inner.prefix.rpartition(".")[2]] = self._built(inner, flat)
        factory = functools.partial(entry.target, **arguments)
        if component.kind == "optimizer":
            _check_optimizer(component.prefix, entry, factory)
        return call(component.prefix, factory) if component.kind in ("rule", "scheduler") else factory


_stepped: set[Callable[..., Any]] = set()


def _check_optimizer(place: str, entry: Entry, factory: Callable[..., torch.optim.Optimizer]) -> None:
    """Raise if an optimizer cannot be built, or needs more than a dense gradient for a step; a step is tried once for each optimizer."""
    parameter = nn.Parameter(torch.zeros(1))
    try:
        optimizer = call(place, factory, [parameter])
        if entry.target not in _stepped:
            parameter.grad = torch.ones(1)
            optimizer.step()
            _stepped.add(entry.target)
    except ArenaError:
        raise
    except Exception as error:
        raise ArenaError(
            f"{place}.optimizer is {entry.name}, which failed on a parameter of one number with a dense gradient ({cause(error)}). "
            "Expected an optimizer that needs no closure, sparse gradient, matrix or mode. Fix: choose one of `arena list optimizers`"
        ) from error


def _evaluated(build: functools.partial[Game], evaluation: Evaluation) -> Game:
    with faults_of(f"{getattr(build.func, '__name__', 'game')}.__init__"):
        game = build()
    return game.evaluated(evaluation)


def _as_it_was(module: nn.Module, start: Mapping[str, Any]) -> nn.Module:
    """Return a given module with its first state, so that every episode begins with the same player."""
    wake(module)
    module.load_state_dict(start)
    return module


def _same_kind(old: object, new: object) -> bool:
    """Return whether a number, or a list of numbers, may replace the other without being parsed."""
    if isinstance(old, bool) or isinstance(new, bool):
        return False
    if isinstance(old, (tuple, list)) and isinstance(new, (tuple, list)):
        return len(old) == len(new) and all(map(_same_kind, old, new))
    return (isinstance(old, float) and isinstance(new, (int, float))) or (isinstance(old, int) and isinstance(new, int))
