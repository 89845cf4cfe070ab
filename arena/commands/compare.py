"""Compare update rules, or any other setting, on equal budgets.

arena compare bilinear --vary rule=simultaneous,alternating,extragradient --vary seed=0:5
arena compare swiss-roll --vary generator.lr=1e-4,1e-3 --vary coupling=0.5,1
"""

from collections.abc import Sequence
from pathlib import Path

from arena.commands.play import take
from arena.errors import ArenaError

USAGE = """\
usage: arena compare GAME --vary SETTING=VALUES [--vary …] [--budget gradients|turns] [--workers N] [--out FOLDER] [--config FILE]
                     [--SETTING VALUE ...]

Play every combination of the values, each with every seed, in parallel; print what became of each and draw it.

  GAME              a game's id (see `arena list`), an import path, or a file such as my_game.py
  --vary S=A,B,C    the values of a setting; values may have arguments, as in rule=simultaneous,unrolled(steps=3), and rule=all is
                    every rule; --vary seed=0:5 plays the seeds 0 to 4
  --budget WHAT     gradients: the same number of gradient evaluations for each (products of the Jacobian count as three), namely what
                    the shared settings spend in their turns; turns: the same number of turns (default: gradients)
  --workers N       processes (default: one for each core)
  --out FOLDER      the folder, which must not exist (default: the next runs/compare-GAME-NUMBER)

Every setting of a game is an option, as in `arena play GAME --help`."""


def main(arguments: Sequence[str]) -> int:
    words = list(arguments)
    if not words or words[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if words else 2
    game = None if words[0].startswith("-") else words.pop(0)
    vary = []
    while True:
        word, words = take(words, "--vary")
        if word is None:
            break
        vary.append(word)
    budget, words = take(words, "--budget")
    count, words = take(words, "--workers")
    out, words = take(words, "--out")
    file, words = take(words, "--config")

    from arena.comparison.plan import parse_vary, plan
    from arena.comparison.play import begin
    from arena.settings import load_file

    settings = load_file(file) if file is not None else {}
    named = settings.pop("game", None)
    game = game or named
    if not isinstance(game, str):
        raise ArenaError("no game was named; write `arena compare bilinear --vary rule=simultaneous,extragradient`")
    if not vary:
        raise ArenaError("nothing varies; write --vary SETTING=A,B, such as --vary rule=simultaneous,extragradient")
    jobs = plan(game, settings, words, parse_vary(vary), budget or "gradients")
    return play_on(begin(game, jobs, out), workers(count))


def play_on(folder: Path, workers: int | None = None) -> int:
    """Play a comparison to its end, or on from where it was cut short, and tell what became of it."""
    from arena.comparison.play import finish, load
    from arena.comparison.report import Progress, report

    jobs = load(folder)
    with Progress(jobs, folder) as progress:
        try:
            found = finish(jobs, folder, workers, progress.tell)
        except KeyboardInterrupt:
            progress.interrupted()
            return 130
    report(found)
    return 0


def workers(count: str | None) -> int | None:
    if count is None:
        return None
    if not count.isdigit() or int(count) < 1:
        raise ArenaError(f"--workers is '{count}', but must be a whole number of at least 1")
    return int(count)
