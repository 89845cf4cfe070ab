"""The plan of a map: one run for each cell and seed, checked before anything starts and saved for a replay."""

import contextlib
import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from arena.config.config import Config
from arena.config.files import load_file, parts_of
from arena.config.settings import Settings, moved_by_rules, named_in, plain
from arena.errors import ArenaError, GameFault
from arena.experiments.executors import WHERE, Where
from arena.experiments.points import Points, key_of
from arena.experiments.values import Axis, Seeds, Value, parse_seeds, parse_vary
from arena.runs.folders import new_folder, stem

PLAN, TABLE, PICTURE = "config.yaml", "map.csv", "map.png"

Key = tuple[Value, Value, int]
"""A run: its values of x and y, and its seed."""

MOST = 20_000
"""Largest number of runs of a map. A picture shows no more."""


@dataclass
class Grid:
    """The cells of two settings.

    Args:
        x: the horizontal axis.
        y: the vertical axis.
        seeds: of every cell.
    """

    x: Axis
    y: Axis
    seeds: tuple[int, ...]

    @property
    def keys(self) -> list[Key]:
        """All runs: seed by seed, row by row."""
        return [(x, y, seed) for seed, y, x in itertools.product(self.seeds, self.y.values, self.x.values)]

    @property
    def per_cell(self) -> str:
        """The runs behind the score of a cell, in words."""
        count = len(self.seeds)
        return f"{'lower ' if count % 2 == 0 else ''}median of {count} seeds" if count > 1 else f"seed {self.seeds[0]}"

    def config(self, key: Key) -> Config:
        """Return the complete configuration of one run."""
        raise NotImplementedError

    def base(self) -> Config:
        """Return the configuration of all cells."""
        raise NotImplementedError


@dataclass
class Plan(Grid, Where):
    """The plan of a map.

    Args:
        members: the most members of one population; auto until they are counted.
        settings: of all cells, nested or dotted, including the game.
        arguments: the same as words of the command line, which win.
        said: x, y and seeds as typed.
    """

    members: int | str
    settings: Settings
    arguments: list[str]
    said: dict[str, Any]

    @functools.cached_property
    def configs(self) -> Points:
        """The configurations of all cells."""
        return _points(self.settings, self.arguments, self.x, self.y)

    def config(self, key: Key) -> Config:
        """Return the complete configuration of one run."""
        return self.configs.config({self.x.name: key[0], self.y.name: key[1]}, seed=key[2])

    def base(self) -> Config:
        """Return the configuration of all cells, with the first value of each axis."""
        return self.configs.base()

    def dump(self) -> str:
        """Return the plan as YAML."""
        said = {**self.said, "members": self.members, **self.where, **({"options": self.arguments} if self.arguments else {})}
        return yaml.safe_dump({**plain(self.settings), "map": said}, sort_keys=False, allow_unicode=True)


def plan(
    game: str,
    settings: Mapping[str, Any],
    arguments: Sequence[str],
    x: str,
    y: str,
    seeds: Seeds | None = None,
    members: int | str = "auto",
    **where: Any,
) -> Plan:
    """Return the plan of a map, checked before anything starts.

    Runs play all their turns, also if the game is solved before. If the rule varies and no scheduler is given, both players move in every
    turn, as in `arena compare`.

    Args:
        game: id, import path or file of a game.
        settings: settings that all cells share.
        arguments: the same as words of the command line, which win.
        x: `SETTING=VALUES` of the horizontal axis, as `arena.experiments.values.parse_varied` reads it.
        y: the same of the vertical axis.
        seeds: `3` (0, 1 and 2), `"0:3"` or `(0, 1, 5)`; None takes the seed of the settings.
        members: the most members of one population, or auto.
        where: backend, address and gpus.

    Raises:
        ArenaError: for a setting or a value that cannot be used.

    Example:
        >>> found = plan("bilinear", {"turns": 10}, [], "x.lr=0.01:1:3", "y.lr=0.1,0.2", seeds="0:2")
        >>> len(found.keys), found.keys[1], found.config(found.keys[1]).flat()["x.lr"]
        (12, (0.1, 0.1, 0), 0.1)
    """
    across, up = (varied.axis for varied in parse_vary([x, y]))
    given = named_in(settings, arguments)
    if "until_solved" not in given:
        settings = {**settings, "until_solved": False}
    settings = moved_by_rules(settings, given, (across.name, up.name))
    chosen_seeds = None if seeds is None else parse_seeds(seeds)
    said = {"x": x, "y": y, **({"seeds": list(chosen_seeds)} if chosen_seeds else {})}
    configs = _points({"game": game, **settings}, arguments, across, up)
    configs.check(named_in({}, arguments), "cells")
    base = configs.base()
    flat = base.flat()
    if {key_of(part, flat) for part, _ in configs.parts(across.name)} & {key_of(part, flat) for part, _ in configs.parts(up.name)}:
        raise ArenaError(f"x and y are both {across.name}. Expected two settings")
    across, up = (axis.fitted(configs.example(axis.name)) for axis in (across, up))
    made = Plan(across, up, chosen_seeds or (base.run.seed,), members, {"game": game, **settings}, list(arguments), said, **where)
    runs = len(made.x.values) * len(made.y.values) * len(made.seeds)
    if runs > MOST:
        raise ArenaError(f"the map has {runs:,} runs. Expected at most {MOST:,}. Fix: take fewer values or seeds")
    if made.x.numeric and made.y.numeric:  # then later defaults cannot change a replay
        made.settings, made.arguments = plain(base.settings), []
    for key in _sides(made):
        with contextlib.suppress(GameFault):  # its run will have the reason
            made.config(key).build()
    return made


def begin(found: Plan, out: str | Path | None = None) -> Path:
    """Make the map's folder and write the plan into it.

    Raises:
        FolderInTheWay: if the folder exists.
        ArenaError: if the backend is unknown, or needs a package that is missing.
    """
    found.executor  # noqa: B018  # raises now if there is none
    return new_folder(out, f"map-{stem(str(found.settings['game']))}", "a map", {PLAN: found.dump(), TABLE: ""})


def seeds_of_plan(said: Mapping[str, Any]) -> Seeds | None:
    """Return the seeds of a saved plan. A plan of version 0.1 holds the word that was typed, in which `7` was the one seed 7.

    Example:
        >>> seeds_of_plan({"seeds": "7"}), seeds_of_plan({"seeds": "0:3"}), seeds_of_plan({"seeds": [0, 1]}), seeds_of_plan({})
        ([7], '0:3', [0, 1], None)
    """
    seeds: Seeds | None = said.get("seeds")
    return [int(seeds)] if isinstance(seeds, (int, str)) and str(seeds).isdigit() else seeds


def load(folder: str | Path) -> Plan:
    """Return the plan of a map's folder.

    Raises:
        ArenaError: if it cannot be read.
    """
    settings = load_file(path := Path(folder) / PLAN)
    said = settings.pop("map", None)
    with parts_of(path, "the plan of a map", "draw the map again"):
        game, x, y = settings.pop("game"), said["x"], said["y"]
        where = {name: said[name] for name in WHERE if name in said}
        return plan(game, settings, said.get("options", []), x, y, seeds_of_plan(said), said.get("members", "auto"), **where)


def _sides(found: Plan) -> list[Key]:
    """Return runs that contain every value of both axes."""
    seed, xs, ys = found.seeds[0], found.x.values, found.y.values
    return [*((x, ys[0], seed) for x in xs), *((xs[0], y, seed) for y in ys[1:])]


def _points(settings: Settings, arguments: Sequence[str], x: Axis, y: Axis) -> Points:
    shared = {name: value for name, value in settings.items() if name != "game"}
    words = {axis.name: axis.values for axis in (x, y) if not axis.numeric}
    return Points(settings["game"], shared, arguments, {axis.name: axis.values[0] for axis in (x, y)}, words)
