"""Measure sweeps and print the ratios as Markdown.

    python -m benchmarks.tuning              # everything, about fifteen minutes
    python -m benchmarks.tuning --quick      # the same with a fraction of the trials, as a smoke test

workers    100 short ring trials in two worker processes against a plain script that takes the same points from Optuna and plays them one
           after the other in one process; both include the start.
overhead   seconds of a trial outside the game, by backend: the time of a sweep in two processes minus the time of its runs, over the
           trials. The start is measured by a sweep of two trials and subtracted.
population 32 × 32 learning rates of small nets for 2,000 rounds, as populations in one process against the Optuna backend in two. The
           Optuna backend plays a share of the points, and its time is scaled.
report     the report on 1,000 trials of five settings with three seeds.
"""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch

from arena.config import configure
from arena.experiments.ledger import SeedResult, TrialRecord, read_all, write
from arena.tuning import Options, parse_space
from arena.tuning.backends.base import backend
from arena.tuning.plan import Sweep, begin, plan
from arena.tuning.play import report
from arena.tuning.points import planned_points
from benchmarks import show_help

SMALL: dict[str, Any] = {"generator.hidden": (16, 16), "discriminator.hidden": (16, 16), "batch": 32}
RATES = {"generator.lr": "log:1e-5:1e-1", "discriminator.lr": "log:1e-5:1e-1"}
ROUNDS = 2000
WANTED = {"workers": 1.8, "population": 8.0, "optuna": 0.060, "ray": 0.600, "report": 15.0}


def seconds(do: Callable[[], Any]) -> float:
    """Return the duration of a call."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def played(planned: Sweep, where: Path) -> tuple[float, list[TrialRecord]]:
    """Return the seconds of a sweep without its report, and its trials."""
    folder = begin(planned, where)
    took = seconds(lambda: backend(planned.options.backend)(planned, folder, planned.options.workers, lambda record: None))
    return took, read_all(folder)


def by_hand(planned: Sweep) -> None:
    """Play the points as a plain script does: a study, an objective that trains, one process."""
    torch.set_num_threads(1)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        for dimension in planned.space.dimensions:
            trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log)
        arena = configure("ring", {**SMALL, **trial.params, "turns": planned.config(planned.space.middle(), 0).run.turns}).build()
        arena.reset(seed=0)
        while arena.turns_played < arena.turns:
            arena.play_scheduled_turn()
        return arena.measure_score()

    study.optimize(objective, n_trials=planned.options.trials)


def workers(where: Path, trials: int) -> str:
    options = Options(trials=trials, seeds=(0,), pruner="none", workers=2, rungs=4)
    planned = plan("ring", {**SMALL, "turns": 3000}, space=parse_space(RATES), options=options)
    hand = seconds(lambda: by_hand(planned))
    ours, _ = played(planned, where / "workers")
    return row(
        f"{trials} ring trials on two cores, over a plain script", f"{hand / ours:.2f} ×", f"≥ {WANTED['workers']} ×", hand / ours >= 1.8
    )


def overhead(where: Path, backend: str, trials: int) -> str:
    def swept(count: int) -> tuple[float, list[TrialRecord]]:
        options = Options(trials=count, seeds=(0,), pruner="none", workers=2, backend=backend, rungs=4)
        planned = plan("bilinear", {"turns": 400}, space=parse_space({"x.lr": "log:0.01:0.1", "y.lr": "log:0.01:0.1"}), options=options)
        return played(planned, where / f"{backend}-{count}")

    (begun, few), (took, records) = swept(2), swept(trials)
    playing = sum(record.seconds - record.overhead for record in records) - sum(record.seconds - record.overhead for record in few)
    each = max(0.0, 2 * (took - begun) - playing) / (trials - len(few))
    return row(f"overhead of a trial, {backend}", f"{1000 * each:.0f} ms", f"< {1000 * WANTED[backend]:.0f} ms", each < WANTED[backend])


def population(where: Path, side: int, share: int) -> str:
    settings = {**SMALL, "turns": ROUNDS}
    grid = Options(trials=side * side, seeds=(0,), backend="population", sampler="grid", pruner="none", rungs=4)
    play_members, records = played(plan("ring", settings, space=parse_space(RATES), options=grid), where / "together")
    options = Options(trials=side * side // share, seeds=(0,), sampler="qmc", pruner="none", workers=2, rungs=4)
    apart, _ = played(plan("ring", settings, space=parse_space(RATES), options=options), where / "apart")
    ratio = apart * len(records) / options.trials / play_members
    return row(
        f"{side} × {side} learning rates as populations, over two processes", f"{ratio:.1f} ×", f"≥ {WANTED['population']:g} ×", ratio >= 8
    )


def reporting(where: Path, trials: int) -> str:
    space = parse_space({**RATES, "*.betas.0": "0:0.9", "scheduler.ratio": "int:1:5", "noise": "0.05:0.2"})
    options = Options(trials=trials, sampler="qmc", pruner="none")
    planned = plan("ring", {**SMALL, "turns": 100}, space=space, options=options)
    folder, rng = begin(planned, where / "report"), np.random.default_rng(0)
    for number, point in enumerate(planned_points(space, options)):
        values = np.exp(4 * (space["generator.lr"].share(point["generator.lr"]) - 0.6) ** 2 + 0.2 * rng.standard_normal(3)).tolist()
        plays = tuple(SeedResult(seed, "finished", value, value, 100, "converging") for seed, value in enumerate(values))
        write(TrialRecord(number, point, "finished", {"criterion": sorted(values)[1]}, plays), folder)
    took = seconds(lambda: report(planned, folder))
    return row(f"the report of {trials:,} trials", f"{took:.1f} s", f"< {WANTED['report']:g} s", took < WANTED["report"])


def row(what: str, result: str, wanted: str, met: bool) -> str:
    return f"| {what} | {result} | {wanted} | {'yes' if met else 'no'} |"


def main(arguments: list[str]) -> int:
    quick = "--quick" in arguments
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, torch {torch.__version__}, optuna {optuna.__version__}\n")
    print("| measured | result | target | met |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        print(reporting(where, 60 if quick else 1000), flush=True)
        print(overhead(where, "optuna", 6 if quick else 60), flush=True)
        print(population(where, 4 if quick else 32, 2 if quick else 16), flush=True)
        print(workers(where, 4 if quick else 100), flush=True)
        print(overhead(where, "ray", 4 if quick else 40), flush=True)
    return 0


if __name__ == "__main__":
    show_help(__doc__)
    sys.exit(main(sys.argv[1:]))
