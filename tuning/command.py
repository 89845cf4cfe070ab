"""Find out which settings matter: play many points of a space, each with several seeds, and report.

arena sweep ring
arena sweep ring --vary generator.lr=log:1e-5:1e-2 --vary scheduler.ratio=int:1:5 --trials 60 --seeds 3
arena sweep swiss-roll --backend population --sampler qmc --trials 256
"""

import inspect
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.experiments.options import FOLDER, OPTIONS, SEEDS, ExperimentLine

USAGE = f"""\
usage: arena sweep GAME [--vary SETTING=VALUES ...] [--trials N] [--seeds SEEDS] [--backend NAME] [--sampler NAME]
                   [--pruner NAME] [--objective NAME[,NAME]] [--quantile Q] [--workers N] [--out FOLDER] [--config FILE]
                   [--SETTING VALUE ...]
       arena sweep FOLDER [--vary SETTING ...] [--report NAME]

Play many points of a space, each with several seeds and the same budget of gradient evaluations; report which settings matter, the
tolerance of each, and the best point.

  GAME              a game's id (see `arena list`), an import path, or a file such as my_game.py
{FOLDER}
  --vary S=VALUES   log:1e-5:1e-2, 0:1, int:1:5 or a,b,c for any setting; betas.0 is the first of several numbers, and *.lr the setting of
                    both players (default: the space of the game)
  --trials N        points (default: 60)
  --seeds SEEDS     seeds of each point: {SEEDS} (default: 3)
  --backend NAME    optuna: processes on this machine; ray: Ray Tune, here or on a cluster; population: points known beforehand, as
                    members of populations; or an import path or file (default: optuna)
  --sampler NAME    tpe, gp, cma-es, nsga-ii; or, known beforehand, qmc, grid, random (default: tpe, or qmc if points must be known);
                    any class of Optuna by its import path or file, such as "optuna.samplers.TPESampler(n_startup_trials=4)"
  --pruner NAME     none, median, hyperband, successive-halving, wilcoxon; with ray also pbt; with optuna also an import path or file
                    (default: none)
  --objective NAME  criterion (by which the game is judged), score, cost, spread, seconds; several give a Pareto front
  --quantile Q      quantile over a point's seeds: 0.5 is the median, 0.9 nearly the worst (default: 0.5)
  --rungs N         evaluations of a run on its way (default: 8)
  --members N       points that one trial of ray, or one population, plays at once
  --sampler-seed N  seed of the sampler (default: 0)
  --config FILE     settings in YAML, such as the sweep.yaml of another sweep, which this replays; options on the command line win
{OPTIONS.format(name="sweep")}"""

NUMBERS = {"trials": int, "rungs": int, "members": int, "sampler_seed": int, "quantile": float}
EXPECTED = {int: "a whole number, such as 60", float: "a number, such as 0.5"}


def main(arguments: Sequence[str]) -> int:
    line = ExperimentLine(arguments, USAGE, "arena sweep ring", "sensitivity")
    if line.exit_code is not None:
        return line.exit_code
    saved = line.settings.pop("sweep", {})
    options = _options(saved, line)

    from arena.tuning.plan import begin, plan
    from arena.tuning.space import parse_space

    vary = line.vary or saved.get("space")
    sweep = plan(line.name, line.settings, [*saved.get("arguments", []), *line.rest], parse_space(vary) if vary else None, options)
    return play_on(begin(sweep, line.out))


def _options(saved: Mapping[str, Any], line: ExperimentLine) -> Any:
    """Return the options of a config file, updated by those of the command line."""
    from arena.experiments.values import parse_seeds
    from arena.tuning.options import Options

    names = inspect.signature(Options).parameters
    chosen: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in saved.items() if name in names}
    given = {name: line.pop_number(name.replace("_", "-"), EXPECTED[kind], kind, -math.inf) for name, kind in NUMBERS.items()}
    given |= line.where | {"workers": line.workers, "seeds": line.seeds} | {name: line.pop(name) for name in ("sampler", "pruner")}
    if (word := line.pop("objective")) is not None:
        given["objectives"] = tuple(word.split(","))
    chosen |= {name: value for name, value in given.items() if value is not None}
    if isinstance(seeds := chosen.get("seeds"), (int, str)):
        chosen["seeds"] = parse_seeds(seeds)
    return Options(**chosen)


def play_on(folder: Path) -> int:
    """Play a sweep to its end, or continue it; show its progress and its report. Return the exit code."""
    from arena.tuning.plan import load
    from arena.tuning.play import finish
    from arena.tuning.report.terminal import progress, show

    sweep = load(folder)
    shown, tell = progress(sweep, folder)
    report = lambda played, seconds: show(sweep.space, played.trials, played.findings, folder, seconds)  # noqa: E731
    return shown.play(lambda: finish(sweep, folder, None, tell), report)
