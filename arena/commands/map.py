"""Draw a game's score over two settings, played as populations.

arena map swiss-roll --vary generator.lr=1e-5:1e-1:32 --vary discriminator.lr=1e-5:1e-1:32
arena map bilinear --vary x.lr=0.01:1:24 --vary rule=simultaneous,extragradient,optimistic --seeds 3
"""

from collections.abc import Sequence
from pathlib import Path

from arena.commands.compare import workers
from arena.commands.words import Words
from arena.errors import ArenaError

USAGE = """\
usage: arena map GAME --vary SETTING=VALUES --vary SETTING=VALUES [--seeds SEEDS] [--members N|auto] [--workers N] [--out FOLDER]
                 [--config FILE] [--SETTING VALUE ...]

Play a game in every cell of two settings, as populations that are trained at once; draw the scores, and mark the cells that diverged or
collapsed, and the best.

  GAME                a game's id (see `arena list`), an import path, or a file such as my_game.py
  --vary S=VALUES     the axis from left to right, then the axis from below to above: LOW:HIGH:COUNT, spaced geometrically if both ends
                      are above 0 and ten times apart, else evenly; log:, linear: or int: before it say which; or a list of values, as in
                      scheduler.ratio=1,2,3 or rule=lola,consensus
  --seeds SEEDS       seeds of each cell, which shows their median: 3 (0, 1 and 2), 0:3 (the same) or 0,1,5 (default: the one seed of the
                      settings)
  --members N         the most runs of one population (default: auto, as many as are fast)
  --workers N         processes (default: one for each core)
  --out FOLDER        the folder, which must not exist (default: the next runs/map-GAME-NUMBER)
  --config FILE       settings in YAML, such as the config.yaml of another map, which this replays; options on the command line win

Every setting of a game is an option, as in `arena play GAME --help`."""


def main(arguments: Sequence[str]) -> int:
    words = Words(arguments, USAGE, "arena map swiss-roll --vary generator.lr=1e-5:1e-1:16 --vary discriminator.lr=1e-5:1e-1:16")
    if words.asked is not None:
        return words.asked
    given = {name: words.take(name) for name in ("seeds", "members", "workers", "out", "config")}
    count = workers(given["workers"])
    vary = words.every("vary")
    game, settings = words.game(file=given["config"])
    said = settings.pop("map", {})
    axes = vary or [said[name] for name in ("x", "y") if name in said]
    if len(axes) != 2:
        raise ArenaError(f"a map varies two settings, not {len(axes)}. Fix: --vary generator.lr=1e-5:1e-1:16 --vary coupling=0:1:16")
    members = _members(given["members"]) or said.get("members", "auto")

    from arena.experiments.map.plan import begin, plan, seeds_of_plan
    from arena.experiments.map.play import default_workers, sized

    found = plan(game, settings, [*said.get("options", []), *words.left], axes[0], axes[1], given["seeds"] or seeds_of_plan(said), members)
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
