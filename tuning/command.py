"""Find out which settings matter: play many points of a space with several seeds, and report.

arena sweep ring
arena sweep ring --vary generator.lr=log:1e-5:1e-2 --vary scheduler.ratio=int:1:5 --trials 60 --seeds 3
arena sweep swiss-roll --backend population --sampler qmc --trials 256
"""

import inspect
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.commands.words import Words, number

USAGE = """\
usage: arena sweep GAME [--vary SETTING=VALUES ...] [--trials N] [--seeds SEEDS] [--backend optuna|ray|population] [--sampler NAME]
                   [--pruner NAME] [--objective NAME[,NAME]] [--quantile Q] [--workers N] [--out FOLDER] [--config FILE]
                   [--SETTING VALUE ...]

Play many points of a space, each with several seeds and the same budget of gradient evaluations; report which settings matter, by how much
each may be off, and the best point.

  GAME                a game's id (see `arena list`), an import path, or a file such as my_game.py
  --vary S=VALUES     log:1e-5:1e-2, 0:1, int:1:5 or a,b,c for any setting; betas.0 is the first of several numbers, and *.lr that of both
                      players (default: the game's own space)
  --trials N          points (default: 60)
  --seeds SEEDS       seeds of each point: 3 (0, 1 and 2), 0:3 (the same) or 0,1,5 (default: 3)
  --backend NAME      optuna: processes on this machine; ray: Ray Tune, here or on a cluster; population: points that are known beforehand,
                      as members of populations (default: optuna)
  --sampler NAME      tpe, gp, cma-es, nsga-ii; or, known beforehand, qmc, grid, random (default: tpe, or qmc where it must be)
  --pruner NAME       none, median, hyperband, successive-halving, wilcoxon; of ray also pbt (default: none)
  --objective NAMES   criterion (what the game is to be chosen by), score, cost, spread, seconds; several give a Pareto front
  --quantile Q        of a point's seeds that counts: 0.5 is the median, 0.9 nearly the worst (default: 0.5)
  --rungs N           how often a run is judged on its way (default: 8)
  --members N         points that one trial of ray, or one population, plays at once
  --sampler-seed N    from which points are drawn (default: 0)
  --workers N         processes (default: one for each core)
  --address ADDRESS   of a running Ray cluster (default: start one here)
  --gpus N            GPUs of a trial of ray, such as 0.25
  --out FOLDER        the folder, which must not exist (default: the next runs/sweep-GAME-NUMBER)
  --config FILE       settings in YAML, such as the sweep.yaml of another sweep, which this replays; options on the command line win

Every setting of a game is an option, as in `arena play GAME --help`."""

OPTIONS = {"trials": int, "rungs": int, "members": int, "sampler_seed": int, "workers": int, "quantile": float, "gpus": float}
WORDS = ("backend", "sampler", "pruner", "address")


def main(arguments: Sequence[str]) -> int:
    words = Words(arguments, USAGE, "arena sweep ring")
    if words.asked is not None:
        return words.asked
    vary = words.every("vary")
    given = {name: words.take(name.replace("_", "-")) for name in (*OPTIONS, *WORDS, "seeds", "objective", "out", "config")}
    game, settings = words.game(file=given["config"])
    said = settings.pop("sweep", {})

    from arena.tuning.options import Options
    from arena.tuning.plan import begin, plan
    from arena.tuning.space import parse_space

    space = parse_space(vary or said["space"]) if vary or said.get("space") else None
    found = plan(game, settings, [*said.get("arguments", []), *words.left], space, Options(**_options(said, given)))
    return play_on(begin(found, given["out"]))


def _options(said: Mapping[str, Any], given: Mapping[str, str | None]) -> dict[str, Any]:
    """The options of a config file, over which those of the command line win."""
    from arena.experiments.values import parse_seeds
    from arena.tuning.options import Options

    chosen = {name: tuple(v) if isinstance(v, list) else v for name, v in said.items() if name in inspect.signature(Options).parameters}
    for name, kind in OPTIONS.items():
        if (word := given[name]) is not None:
            wanted = "a whole number, such as 60" if kind is int else "a number, such as 0.5"
            chosen[name] = number(name.replace("_", "-"), word, wanted, kind, -math.inf)
    chosen |= {name: given[name] for name in WORDS if given[name] is not None}
    seeds = given["seeds"] or chosen.get("seeds")
    if isinstance(seeds, (int, str)):
        chosen["seeds"] = parse_seeds(seeds)
    if (word := given["objective"]) is not None:
        chosen["objectives"] = tuple(word.split(","))
    return chosen


def play_on(folder: Path) -> int:
    """Play a sweep to its end, or continue it; show its progress and its report. Return the exit code."""
    from arena.tuning.plan import load
    from arena.tuning.play import finish
    from arena.tuning.report.terminal import progress, show

    found = load(folder)
    shown, tell = progress(found, folder)
    try:
        with shown:
            played = finish(found, folder, None, tell)
    except KeyboardInterrupt:
        return 130
    show(played, shown.seconds)
    return 0
