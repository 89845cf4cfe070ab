"""The plan of a comparison: every combination of the varied values, each with every seed, on equal budgets."""

import contextlib
import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from arena.config.config import Config
from arena.config.configure import configure
from arena.config.files import load_file, parts_of
from arena.config.settings import Settings, moved_by_rules, named_in, plain
from arena.diagnostics.active import Diagnostics
from arena.errors import ArenaError, GameFault
from arena.experiments.budget import cost_per_turn
from arena.experiments.executors import WHERE, Where
from arena.experiments.points import Points
from arena.experiments.values import Seeds, parse_seeds, parse_vary, refuse_seed, value_of_word, word_of
from arena.runs.folders import new_folder, stem

Vary = Mapping[str, Sequence[str]]
"""Values by setting, as words of the command line."""

PLAN = "comparison.yaml"
AS_IT_IS = "as it is"
"""The variant of a comparison over seeds alone."""
ROWS, SCORES, CHECKPOINTS = 400, 40, 5
"""Rows of the trace, scores and checkpoints of a compared run, unless the settings say otherwise."""


@dataclass(frozen=True)
class Job:
    """One run of a comparison.

    Args:
        variant: its varied settings, such as `rule=extragradient`.
        seed: its seed.
        settings: its complete configuration.
    """

    variant: str
    seed: int
    settings: Settings

    @property
    def folder(self) -> str:
        """Its folder, within that of the comparison."""
        name = re.sub(r"[^\w.=,+-]+", "_", self.variant).strip("_.") or "_"
        if len(name) > 120:  # file systems end names at 255 bytes
            name = f"{name[:100]}-{hashlib.sha256(self.variant.encode()).hexdigest()[:8]}"
        return f"{name}/seed-{self.seed}"

    @property
    def config(self) -> Config:
        """Its configuration."""
        return configure(self.settings["game"], {key: value for key, value in self.settings.items() if key != "game"})


@dataclass
class Plan(Where):
    """The plan of a comparison.

    Args:
        game: id, import path or file of the game.
        jobs: the runs.
    """

    game: str
    jobs: list[Job]


def values_of(vary: Sequence[str] | Mapping[str, str | Sequence[Any]]) -> dict[str, list[str]]:
    """Return the values by setting of words such as `rule=simultaneous,extragradient` or `coupling=0:1:3`.

    Raises:
        ArenaError: for a word that cannot be read, and a setting that is named twice.

    Example:
        >>> values_of(["rule=simultaneous,unrolled(steps=3)", "scheduler.ratio=int:1:3"])
        {'rule': ['simultaneous', 'unrolled(steps=3)'], 'scheduler.ratio': ['1', '2', '3']}
    """
    return {varied.name: [*varied.words] or [word_of(value) for value in varied.axis.values] for varied in parse_vary(vary)}


def plan(
    game: str, settings: Mapping[str, Any], arguments: Sequence[str], vary: Vary, budget: str = "gradients", seeds: Seeds | None = None
) -> list[Job]:
    """Return every run of a comparison, checked before anything starts.

    Args:
        game: id, import path or file of a game.
        settings: settings that all variants share.
        arguments: the same as words of the command line, which win.
        vary: values by setting; without any, there are several seeds.
        budget: gradients: every variant spends the gradient evaluations (a product counts as three) of the shared settings in their
            turns; turns: every variant has the same number of turns.
        seeds: `3` (0, 1 and 2), `"0:3"` or `(0, 1, 5)`; None takes the seed of the settings.

    Raises:
        ArenaError: for a setting that cannot be used.
    """
    if budget not in ("gradients", "turns"):
        raise ArenaError(f"--budget is '{budget}'. Expected gradients or turns")
    budget = "turns" if "turns" in vary else budget
    varied = list(vary)
    given = named_in(settings, arguments)
    for key, values in vary.items():
        refuse_seed(key)
        if not values:
            raise ArenaError(f"'{key}' varies, but has no values. Expected at least one")
    settings = moved_by_rules(settings, given, varied)
    points = _points(game, settings, arguments, vary)
    points.check(given, "variants")
    combinations = [points.active(dict(zip(varied, values, strict=True))) for values in itertools.product(*vary.values())]
    variants = {", ".join(f"{name}={value}" for name, value in point.items()) or AS_IT_IS: point for point in combinations}
    base = configure(game, settings, arguments)
    chosen_seeds = (base.run.seed,) if seeds is None else parse_seeds(seeds)
    if not varied and len(chosen_seeds) == 1:
        raise ArenaError("nothing varies, and there is one seed. Fix: --seeds 3 or --vary rule=simultaneous,extragradient")
    wanted = base.run.turns * cost_per_turn(base) if budget == "gradients" else 0.0
    jobs = []
    for name, point in variants.items():
        own = {key: [str(value)] for key, value in point.items()}
        config = _points(game, settings, arguments, own).config()
        turns = config.run.turns
        if budget == "gradients":
            with contextlib.suppress(GameFault):  # its run will have the reason
                turns = max(1, round(wanted / cost_per_turn(config)))
        suited = {key: value for key, value in _suited(config, turns).items() if key not in given}
        config = _points(game, {**suited, **settings}, arguments, own).config(turns=turns)
        jobs += [Job(name, seed, {**config.settings, "seed": seed}) for seed in chosen_seeds]
    return jobs


def _points(game: str, settings: Mapping[str, Any], arguments: Sequence[str], vary: Vary) -> Points:
    """Return the configurations of variants, whose values are words, except for one of several numbers, which cannot be typed."""
    words = {name: values for name, values in vary.items() if not name.rpartition(".")[2].isdecimal()}
    usual = {name: values[0] if name in words else value_of_word(values[0]) for name, values in vary.items()}
    return Points(game, settings, arguments, usual, words)


def begin(found: Plan, out: str | Path | None = None) -> Path:
    """Make the comparison's folder and write the plan into it.

    Raises:
        FolderInTheWay: if the folder exists.
        ArenaError: if the backend is unknown, or needs a package that is missing.
    """
    found.executor  # noqa: B018  # raises now if there is none
    rows = [{"variant": job.variant, "seed": job.seed, "settings": plain(job.settings)} for job in found.jobs]
    text = yaml.safe_dump({"game": found.game, **found.where, "runs": rows}, sort_keys=False, allow_unicode=True)
    return new_folder(out, f"compare-{stem(found.game)}", "a comparison", {PLAN: text})


def load(folder: str | Path) -> Plan:
    """Return the plan of a comparison's folder.

    Raises:
        ArenaError: if it cannot be read.
    """
    data = load_file(path := Path(folder) / PLAN)
    with parts_of(path, "the plan of a comparison", "compare again"):
        jobs = [Job(row["variant"], int(row["seed"]), row["settings"]) for row in data["runs"]]
        if not jobs or not all(isinstance(job.variant, str) and isinstance(job.settings["turns"], int) for job in jobs):
            raise ValueError("its runs are no variants with settings")
        return Plan(data["game"], jobs, **{name: data[name] for name in WHERE if name in data})


def _suited(config: Config, turns: int) -> Settings:
    """Return the defaults of a comparison: no pictures on the way, no early end of solved games, double precision for small games."""
    looks = [name for name in ("distance", "position") if _applies(name, config)]
    every = max(1, turns // ROWS)
    suited: Settings = {
        "picture.every": 0,
        "until_solved": False,
        "checkpoint.best": False,
        "checkpoint.every": max(1, turns // CHECKPOINTS),
        "trace.every": every,
    }
    if not looks:
        return {**suited, "score.every": max(1, turns // SCORES)}
    return {**suited, "score.every": every, "dtype": "float64", "diagnostics.names": looks}  # where scores are cheap


def _applies(name: str, config: Config) -> bool:
    try:
        Diagnostics([name]).check(config.example())
    except ArenaError:
        return False
    return True
