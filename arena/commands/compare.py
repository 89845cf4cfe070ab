"""Compare update rules, or any other setting, on equal budgets.

arena compare bilinear --vary rule=simultaneous,alternating,extragradient --seeds 5
arena compare swiss-roll --vary generator.lr=1e-4,1e-3 --vary coupling=0.5,1
"""

from collections.abc import Sequence
from pathlib import Path

from arena.experiments.options import FOLDER, OPTIONS, SEEDS, ExperimentLine

USAGE = f"""\
usage: arena compare GAME [--vary SETTING=VALUES ...] [--seeds SEEDS] [--budget gradients|turns] [--backend NAME]
                     [--workers N] [--out FOLDER] [--config FILE] [--SETTING VALUE ...]
       arena compare FOLDER [--vary SETTING ...] [--report NAME]

Play every combination of the values with every seed, in parallel; print and draw the results.

  GAME              a game's id (see `arena list`), an import path, or a file such as my_game.py
{FOLDER}
  --vary S=A,B,C    the values of a setting; values may have arguments, as in rule=simultaneous,unrolled(steps=3), and rule=all is
                    every rule; LOW:HIGH:COUNT, log:LOW:HIGH:COUNT and int:LOW:HIGH are ranges;
                    without any, the game is played as it is with several seeds
  --seeds SEEDS     seeds of each variant: {SEEDS} (default: the one seed of the settings)
  --budget NAME     gradients: the number of gradient evaluations that the shared settings spend in their turns, the same for each
                    variant (a product with the Jacobian counts as three); turns: the same number of turns (default: gradients)
  --backend NAME    processes on this machine; in-place; population: runs of one structure are trained at once; ray: a Ray cluster, here
                    or at --address; or an import path or file (default: processes)
{OPTIONS.format(name="compare")}"""


def main(arguments: Sequence[str]) -> int:
    line = ExperimentLine(arguments, USAGE, "arena compare bilinear --vary rule=simultaneous,extragradient", "table")
    if line.exit_code is not None:
        return line.exit_code
    budget = line.pop("budget") or "gradients"

    from arena.experiments.compare.plan import Plan, begin, plan, values_of

    jobs = plan(line.name, line.settings, line.rest, values_of(line.vary), budget, line.seeds)
    return play_on(begin(Plan(line.name, jobs, **line.where), line.out), line.workers)


def play_on(folder: Path, workers: int | None = None) -> int:
    """Play a comparison to its end, or continue it; show its progress and its report. Return the exit code."""
    from arena.experiments.compare.plan import load
    from arena.experiments.compare.play import finish
    from arena.experiments.compare.report import progress, report

    comparison = load(folder)
    shown, tell = progress(comparison, folder)
    return shown.play(lambda: finish(comparison, folder, workers, tell), report)
