"""Draw a game's score over two settings, played as populations.

arena map swiss-roll --x generator.lr=1e-5:1e-1:32 --y discriminator.lr=1e-5:1e-1:32
arena map bilinear --x x.lr=0.01:1:24 --y rule=simultaneous,extragradient,optimistic --seeds 0:3
"""

from collections.abc import Sequence
from pathlib import Path

from arena.commands.compare import workers
from arena.commands.words import Words
from arena.errors import ArenaError

USAGE = """\
usage: arena map GAME --x SETTING=VALUES --y SETTING=VALUES [--seeds A:B] [--members N|auto] [--workers N] [--out FOLDER]
                 [--config FILE] [--SETTING VALUE ...]

Play a game in every cell of two settings, as populations that are trained at once; draw the scores, and mark the cells that diverged or
collapsed, and the best.

  GAME                a game's id (see `arena list`), an import path, or a file such as my_game.py
  --x, --y S=VALUES   LOW:HIGH:COUNT, spaced geometrically where both ends are above 0 and ten times apart, else evenly; log:LOW:HIGH:COUNT
                      or linear:LOW:HIGH:COUNT to say which; or the values one by one, as in scheduler.ratio=1,2,3 or rule=lola,consensus
  --seeds A:B         play each cell with the seeds A to B − 1 and colour it by their median (default: the one seed of the settings)
  --members N         the most runs of one population (default: auto, as many as are fast)
  --workers N         processes (default: one for each core)
  --out FOLDER        the folder, which must not exist (default: the next runs/map-GAME-NUMBER)
  --config FILE       settings in YAML, such as the config.yaml of another map, which this replays; options on the command line win

Every setting of a game is an option, as in `arena play GAME --help`."""


def main(arguments: Sequence[str]) -> int:
    words = Words(arguments, USAGE, "arena map swiss-roll --x generator.lr=1e-5:1e-1:16 --y discriminator.lr=1e-5:1e-1:16")
    if words.asked is not None:
        return words.asked
    given = {name: words.take(name) for name in ("x", "y", "seeds", "members", "workers", "out", "config")}
    count = workers(given["workers"])
    game, settings = words.game(file=given["config"])
    said = settings.pop("map", {})
    x, y = (given[name] or said.get(name) for name in ("x", "y"))
    for name, axis in (("x", x), ("y", y)):
        if axis is None:
            raise ArenaError(f"no axis was named; write --{name} SETTING=VALUES, such as --{name} generator.lr=1e-5:1e-1:16")
    members = _members(given["members"]) or said.get("members", "auto")

    from arena.experiments.map.plan import begin, plan
    from arena.experiments.map.play import default_workers, sized

    found = plan(game, settings, [*said.get("options", []), *words.left], x, y, given["seeds"] or said.get("seeds"), members)
    return play_on(begin(sized(found, count or default_workers(found)), given["out"]), count)


def play_on(folder: Path, count: int | None = None) -> int:
    """Play a map to its end, or on from where it was cut short, and tell what became of it."""
    from arena.experiments.map.plan import load
    from arena.experiments.map.play import default_workers, finish, sized
    from arena.experiments.map.report import Progress, report

    found = load(folder)
    count = count or default_workers(found)
    with Progress(found, folder, count) as progress:
        try:
            made = finish(sized(found, count), folder, count, progress.tell, progress.explain)
        except KeyboardInterrupt:
            progress.interrupted()
            return 130
    report(made, progress.seconds)
    return 0


def _members(word: str | None) -> int | str | None:
    """The value of --members.

    Example:
        >>> _members(None), _members("auto"), _members("64")
        (None, 'auto', 64)
    """
    if word is None or word == "auto":
        return word
    if not word.isdigit() or int(word) < 1:
        raise ArenaError(f"--members is '{word}', but must be auto, or a whole number of at least 1")
    return int(word)
