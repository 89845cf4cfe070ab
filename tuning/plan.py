"""The plan of a sweep: a game's settings, the space and the options, checked before anything starts and saved as `sweep.yaml`.

Every point has the same budget of gradient evaluations (a product counts as three), namely the cost of the turns of the game's own
settings. The value of a run is at most the penalty, `FLED` times the value of untrained players, which a diverged run gets. A run stopped
by an alarm, because a player collapsed or had nothing left to learn, gets the value of untrained players.
"""

import contextlib
import dataclasses
import functools
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from arena.config.config import Config
from arena.config.configure import configure
from arena.config.files import load_file, parts_of
from arena.config.settings import Settings, moved_by_rules, named_in, plain
from arena.errors import ArenaError, GameFault
from arena.experiments.budget import cost_per_turn
from arena.experiments.outcome import FLED
from arena.experiments.points import Points
from arena.experiments.populations import structure
from arena.experiments.values import Point
from arena.runs.folders import new_folder, stem
from arena.tuning.backends.base import backend
from arena.tuning.options import Options
from arena.tuning.points import planned_points
from arena.tuning.space import Dimension, Space, default_space, parse_space

PLAN = "sweep.yaml"
FATAL = ("divergence", "collapse", "dominance")
ALARMS = ("divergence", "collapse(after=0.5)", "dominance")
"""Alarms that stop a run of a sweep if its settings name no others. Half of a run is enough to spread out from one point."""
QUIET = {"until_solved": False, "trace.tensorboard": False, "picture.every": 0, "checkpoint.every": 0}


@dataclass(eq=False)
class Sweep:
    """The plan of a sweep.

    Args:
        game: id, import path or file of the game.
        settings: of all points, nested or dotted.
        arguments: the same as words of the command line, which win.
        space: of the points.
        options: of the sweep.
        budget: gradient evaluations of a run; 0 if the turns vary.
        untrained: criterion of untrained players.
        ceiling: score of real data; None if there is none.
    """

    game: str
    settings: Settings
    arguments: list[str]
    space: Space
    options: Options
    budget: float = 0.0
    untrained: float = math.inf
    ceiling: float | None = None
    _costs: dict[Any, float] = field(default_factory=dict, repr=False)

    @property
    def penalty(self) -> float:
        """The value of a diverged run."""
        return FLED * self.untrained

    @property
    def uses_oracle(self) -> bool:
        """Whether points are chosen by a score that uses oracle labels."""
        return "score" in self.options.objectives and self.base().game.target.uses_oracle  # type: ignore[attr-defined]

    @functools.cached_property
    def points(self) -> list[Point]:
        """All points, if they are known beforehand."""
        return planned_points(self.space, self.options, self.configs)

    @property
    def count(self) -> int:
        """The number of points."""
        return len(self.points) if self.options.planned else self.options.trials

    @functools.cached_property
    def configs(self) -> Points:
        """The configurations of all points, before turns and seed are set."""
        return Points(self.game, self.settings, self.arguments, self.space.middle(), self.space.words_only)

    def base(self) -> Config:
        """Return the configuration of the middle of the space."""
        return self.configs.base()

    def config(self, point: Point, seed: int) -> Config:
        """Return the complete configuration of one run.

        Raises:
            ArenaError: if the values contradict each other.
        """
        config = self.configs.config(point)
        return config.vary({"turns": self.turns(config), "seed": seed})

    def turns(self, config: Config) -> int:
        """Return the number of turns in which a configuration spends the budget."""
        return max(1, round(self.budget / self.cost_per_turn(config))) if self.budget else config.run.turns

    def cost_per_turn(self, config: Config) -> float:
        """Return the gradient evaluations of a turn, a product counted as three."""
        scheduled = {name: value for name, value in config.flat().items() if name.startswith(("scheduler.", "coupling.name"))}
        kind = (structure(config), tuple(sorted((name, str(value)) for name, value in scheduled.items())))
        if kind not in self._costs:
            self._costs[kind] = cost_per_turn(config)
        return self._costs[kind]

    @functools.cached_property
    def fatal(self) -> tuple[str, ...]:
        """Alarms that stop a run."""
        return self.base().group("alarms").stop or FATAL

    @functools.cached_property
    def alarms(self) -> tuple[str, ...]:
        """Alarms that are evaluated, as words."""
        alarms = self.base().group("alarms")
        return alarms.names if alarms.stop or alarms.names != ("all",) else ALARMS

    @functools.cached_property
    def every(self) -> int:
        """Turns between looks at a run."""
        try:
            turns = self.turns(self.base())
        except GameFault:  # in the middle of the space; its runs will have the reason
            turns = self.base().run.turns
        return max(1, turns // (5 * self.options.rungs))

    def dump(self) -> str:
        """Return the sweep as YAML."""
        options = {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self.options).items()}
        said = {"space": self.space.words(), **options, "budget": self.budget, "untrained": self.untrained, "ceiling": self.ceiling}
        said |= {"arguments": self.arguments} if self.arguments else {}
        return yaml.safe_dump({"game": self.game, **plain(self.settings), "sweep": said}, sort_keys=False, allow_unicode=True)


def plan(
    game: str,
    settings: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
    space: Space | None = None,
    options: Options | None = None,
) -> Sweep:
    """Return the plan of a sweep, checked before anything starts.

    Args:
        game: id, import path or file of a game.
        settings: of all points.
        arguments: the same as words of the command line, which win.
        space: of the points; None takes the game's own.
        options: of the sweep.

    Raises:
        ArenaError: for a setting or a value that cannot be used.

    Example:
        >>> found = plan("bilinear", {"turns": 40}, space=parse_space(["x.lr=log:0.01:0.1", "rule=simultaneous,extragradient"]))
        >>> point = {"x.lr": 0.02, "rule": "extragradient"}
        >>> found.config(point, 1).flat()["x.lr"], found.turns(found.config(point, 1)), found.budget
        (0.02, 20, 80.0)
        >>> plan("bilinear", space=parse_space(["x.lrr=0:1"]))
        Traceback (most recent call last):
        ...
        arena.errors.UnknownName: unknown setting 'x.lrr': did you mean 'x.lr'?
    """
    options, settings = options or Options(), dict(settings or {})
    if options.pruner == "pbt" and space is not None and len(space.words_only) == len(space.dimensions):
        raise ArenaError("pbt changes numbers on the way, but only words vary. Fix: --pruner none")
    given = named_in(settings, arguments)
    around = configure(game, settings, arguments)
    usual = {**QUIET, **around.game.target.sweep}  # type: ignore[attr-defined]
    settings = {**{name: value for name, value in usual.items() if name not in given}, **settings}
    space = space or default_space(around)
    settings = moved_by_rules(settings, given, space.names)
    made = Sweep(game, settings, list(arguments), space, options)
    made.configs.check(named_in({}, arguments), "points")
    for dimension in space.dimensions:
        _check_kind(dimension, made.configs.example(dimension.name))
    own = configure(game, settings, arguments)
    if "turns" not in space.names:
        made.budget = own.run.turns * made.cost_per_turn(own)
    made.untrained = _untrained(own)
    made.ceiling = own.build().game.ceiling()
    for point in _corners(made):
        with contextlib.suppress(GameFault):  # its trial will have the reason
            made.config(point, options.seeds[0]).parts()
    if options.planned:
        made.points  # noqa: B018  # raises now if the space has no grid
    return made


def begin(found: Sweep, out: str | Path | None = None) -> Path:
    """Make the folder of a sweep and write the plan into it.

    Raises:
        ArenaError: if the package of the backend is missing.
        FolderInTheWay: if the folder exists.
    """
    backend(found.options.backend)
    return new_folder(out, f"sweep-{stem(found.game)}", "a sweep", {PLAN: found.dump()})


def load(folder: str | Path) -> Sweep:
    """Return the sweep of a folder.

    Raises:
        ArenaError: if it cannot be read.
    """
    settings = load_file(path := Path(folder) / PLAN)
    with parts_of(path, "the plan of a sweep", "sweep again"):
        said, game = settings.pop("sweep"), settings.pop("game")
        names = inspect.signature(Options).parameters
        said |= {"workers": said["jobs"]} if "jobs" in said else {}  # the name in plans of version 0.1
        chosen: dict[str, Any] = {n: tuple(said[n]) if isinstance(said[n], list) else said[n] for n in names if n in said}
        options = Options(**chosen)
        ceiling = None if said["ceiling"] is None else float(said["ceiling"])
        measured = (float(said["budget"]), float(said["untrained"]), ceiling)
        return Sweep(game, settings, said.get("arguments", []), parse_space(said["space"]), options, *measured)


def _check_kind(dimension: Dimension, value: Any) -> None:
    """Raise if a dimension has fractions and its setting, of which this is a value, takes whole numbers."""
    if isinstance(value, int) and not isinstance(value, bool) and not dimension.choices and not dimension.whole:
        raise ArenaError(f"--vary {dimension.name}={dimension.word}: {dimension.name} takes whole numbers. Fix: int:{dimension.word}")


def _corners(found: Sweep) -> list[Point]:
    """Return points that contain the ends of every range where it exists, and all words."""
    middle, ends = found.space.middle(), ((d.name, d.choices or (d.at(0), d.at(1))) for d in found.space.dimensions)
    return [middle, *(middle | found.configs.where(name) | {name: value} for name, values in ends for value in values)]


def _untrained(config: Config) -> float:
    """Return the criterion of untrained players; 1 if it is 0 or not finite."""
    arena = config.build()
    arena.reset(seed=config.run.seed)
    found = arena.measure_criterion(arena.measure_score())
    return found if math.isfinite(found) and found > 0 else 1.0
