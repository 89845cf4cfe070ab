"""Compare update rules, or any other setting, on equal budgets.

arena compare bilinear --vary rule=simultaneous,alternating,extragradient --seeds 5
arena compare swiss-roll --vary generator.lr=1e-4,1e-3 --vary coupling=0.5,1
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.commands.words import Words, number
from arena.errors import ArenaError

USAGE = """\
usage: arena compare GAME --vary SETTING=VALUES [--vary …] [--seeds SEEDS] [--budget gradients|turns] [--backend NAME]
                     [--workers N] [--out FOLDER] [--config FILE] [--SETTING VALUE ...]

Play every combination of the values, each with every seed, in parallel; print what became of each and draw it.

  GAME              a game's id (see `arena list`), an import path, or a file such as my_game.py
  --vary S=A,B,C    the values of a setting; values may have arguments, as in rule=simultaneous,unrolled(steps=3), and rule=all is
                    every rule; LOW:HIGH:COUNT, log:LOW:HIGH:COUNT and int:LOW:HIGH are ranges
  --seeds SEEDS     seeds of each variant: 3 (0, 1 and 2), 0:3 (the same) or 0,1,5 (default: the one seed of the settings)
  --budget WHAT     gradients: the same number of gradient evaluations for each (products of the Jacobian count as three), namely what
                    the shared settings spend in their turns; turns: the same number of turns (default: gradients)
  --workers N       processes (default: one for each core)
  --backend NAME    processes on this machine; in-place; population: runs of one structure are trained at once; ray: a Ray cluster, here
                    or at --address (default: processes)
  --address ADDRESS of a running Ray cluster, whose nodes see the folder under the same path
  --gpus N          GPUs that Ray gives to each run, such as 0.25
  --out FOLDER      the folder, which must not exist (default: the next runs/compare-GAME-NUMBER)

Every setting of a game is an option, as in `arena play GAME --help`."""


def main(arguments: Sequence[str]) -> int:
    words = Words(arguments, USAGE, "arena compare bilinear --vary rule=simultaneous,extragradient")
    if words.asked is not None:
        return words.asked
    vary = words.every("vary")
    budget, count, out, seeds = (words.take(name) for name in ("budget", "workers", "out", "seeds"))
    where = backend_of(words)
    game, settings = words.game(file=words.take("config"))
    if not vary:
        raise ArenaError("nothing varies; write --vary SETTING=A,B, such as --vary rule=simultaneous,extragradient")

    from arena.experiments.compare.plan import Plan, parse_vary, plan
    from arena.experiments.compare.play import begin

    found = Plan(game, plan(game, settings, words.left, parse_vary(vary), budget or "gradients", seeds), **where)
    return play_on(begin(found, out), workers(count))


def play_on(folder: Path, workers: int | None = None) -> int:
    """Play a comparison to its end, or continue it; show its progress and its report. Return the exit code."""
    from arena.experiments.compare.play import finish, load
    from arena.experiments.compare.report import progress, report

    found = load(folder)
    shown, tell = progress(found, folder)
    try:
        with shown:
            played = finish(found, folder, workers, tell)
    except KeyboardInterrupt:
        return 130
    report(played)
    return 0


def workers(count: str | None) -> int | None:
    """Return the value of --workers."""
    return None if count is None else int(number("workers", count, "a whole number of at least 1"))


def backend_of(words: Words) -> dict[str, Any]:
    """Take --backend, --address and --gpus out of the words; return those that were given."""
    given = {name: words.take(name) for name in ("backend", "address", "gpus")}
    where: dict[str, Any] = {name: word for name, word in given.items() if word is not None}
    return where | ({"gpus": number("gpus", where["gpus"], "a number, such as 0.5", float, 0)} if "gpus" in where else {})
