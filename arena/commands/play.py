"""Play a game and record it.

arena play swiss-roll --rule extragradient --generator.lr 1e-4 --turns 5000
arena play --config runs/swiss-roll-1/config.yaml
arena play my_game.py
"""

from collections.abc import Sequence

from arena.runs.command_line import CommandLine

USAGE = """\
usage: arena play GAME [--out FOLDER] [--config FILE] [--from RUN[@TURN]] [--SETTING VALUE ...]

Play a game and record it: a picture, a trace and checkpoints in a run folder.

  GAME            a game's id (see `arena list`), an import path, or a file such as my_game.py
  --out FOLDER    the run folder, which must not exist (default: the next runs/GAME-NUMBER)
  --from RUN      begin with the players of another run, and with its settings if it is of the same game; optimizer states and the
                  rule's memory carry over where they fit, and a sentence says so; RUN@500 and RUN@best name a checkpoint
  --config FILE   settings in YAML, such as the config.yaml of another run; options on the command line win

Every setting of a game is an option of the same dotted name, typed and documented:

  arena play GAME --help"""


def main(arguments: Sequence[str]) -> int:
    line = CommandLine(arguments, USAGE, "arena play swiss-roll")
    if line.exit_code is not None:
        return line.exit_code
    out = line.pop("out")
    source = line.pop("from")
    game, settings = line.game(file=line.pop("config"), source=source)

    from arena.config.configure import configure
    from arena.config.settings import flatten, named_in
    from arena.runs.play import start

    if source is not None:
        from arena.config.going_on import settings_from

        settings = {**settings_from(source, game, line.rest), **flatten(settings)}
    config = configure(game, settings, line.rest)
    return exit_code(start(config.paced(named_in(settings, line.rest)), out).status)


def exit_code(status: str) -> int:
    """Return the exit code of a status: 1 for diverged, 130 for interrupted, otherwise 0."""
    return {"diverged": 1, "interrupted": 130}.get(status, 0)
