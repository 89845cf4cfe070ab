"""Draw a game's score over two settings, played as populations.

arena map swiss-roll --vary generator.lr=1e-5:1e-1:32 --vary discriminator.lr=1e-5:1e-1:32
arena map bilinear --vary x.lr=0.01:1:24 --vary rule=simultaneous,extragradient,optimistic --seeds 3
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from arena.commands.compare import backend_of, workers
from arena.commands.words import Words, number
from arena.errors import ArenaError

USAGE = """\
usage: arena map FOLDER [--vary SETTING --vary SETTING]
       arena map GAME --vary SETTING=VALUES --vary SETTING=VALUES [--seeds SEEDS] [--members N|auto] [--backend NAME]
                 [--workers N] [--out FOLDER] [--config FILE] [--SETTING VALUE ...]

Play a game in every cell of two settings, as populations that are trained at once; draw the scores, and mark the cells that diverged or
collapsed, and the best.

  GAME                a game's id (see `arena list`), an import path, or a file such as my_game.py
  FOLDER              of a sweep or a comparison, whose trials are drawn over two of their settings
  --vary S=VALUES     the axis from left to right, then the axis from below to above: LOW:HIGH:COUNT, spaced geometrically if both ends
                      are above 0 and ten times apart, else evenly; log:, linear: or int: before it say which; or a list of values, as in
                      scheduler.ratio=1,2,3 or rule=lola,consensus
  --sampler NAME      points chosen by a sampler in the place of a grid: tpe, qmc, …, as many as --trials; see `arena sweep --help`
  --seeds SEEDS       seeds of each cell, which shows their median: 3 (0, 1 and 2), 0:3 (the same) or 0,1,5 (default: the one seed of the
                      settings)
  --members N         the most runs of one population (default: auto, as many as are fast)
  --workers N         processes (default: one for each core)
  --backend NAME      processes on this machine, in-place, or ray: a Ray cluster, here or at --address (default: processes)
  --address ADDRESS   of a running Ray cluster, whose nodes see the folder under the same path
  --gpus N            GPUs that Ray gives to each population, such as 0.25
  --out FOLDER        the folder, which must not exist (default: the next runs/map-GAME-NUMBER)
  --config FILE       settings in YAML, such as the config.yaml of another map, which this replays; options on the command line win

Every setting of a game is an option, as in `arena play GAME --help`."""


def main(arguments: Sequence[str]) -> int:
    words = Words(arguments, USAGE, "arena map swiss-roll --vary generator.lr=1e-5:1e-1:16 --vary discriminator.lr=1e-5:1e-1:16")
    if words.asked is not None:
        return words.asked
    given = {name: words.take(name) for name in ("seeds", "members", "workers", "out", "config")}
    count, where = workers(given["workers"]), backend_of(words)
    vary, sampler = words.every("vary"), words.take("sampler")
    game, settings = words.game(file=given["config"])
    if Path(game).is_dir():
        return draw_trials(Path(game), vary)
    if sampler is not None:
        return play_sampled(game, settings, vary, sampler, words, given)
    said = settings.pop("map", {})
    axes = vary or [said[name] for name in ("x", "y") if name in said]
    if len(axes) != 2:
        raise ArenaError(f"a map varies two settings, not {len(axes)}. Fix: --vary generator.lr=1e-5:1e-1:16 --vary coupling=0:1:16")
    members = given["members"] or said.get("members", "auto")
    if given["members"] not in (None, "auto"):
        members = number("members", members, "auto, or a whole number of at least 1")

    from arena.experiments.map.plan import begin, plan, seeds_of_plan
    from arena.experiments.map.play import default_workers, sized

    found = plan(
        game, settings, [*said.get("options", []), *words.left], axes[0], axes[1], given["seeds"] or seeds_of_plan(said), members, **where
    )
    return play_on(begin(sized(found, count or default_workers(found)), given["out"]), count)


def play_on(folder: Path, count: int | None = None) -> int:
    """Play a map to its end, or continue it; show its progress and its report. Return the exit code."""
    from arena.experiments.map.plan import load
    from arena.experiments.map.play import default_workers, finish, sized
    from arena.experiments.map.report import progress, report

    found = load(folder)
    count = count or default_workers(found)
    shown, tell = progress(found, folder, count)
    try:
        with shown:
            played = finish(sized(found, count), folder, count, tell, lambda why: shown.say(f"[dim]some are played one by one: {why}[/]"))
    except KeyboardInterrupt:
        return 130
    report(played, shown.seconds)
    return 0


def draw_trials(folder: Path, names: Sequence[str]) -> int:
    """Draw the map of a sweep's or a comparison's folder over two of its settings; return the exit code."""
    from arena.experiments.map.figure import draw
    from arena.experiments.map.reading import map_of, trials_of
    from arena.experiments.map.report import report
    from arena.plots import save

    trials = trials_of(folder)
    if trials is None:
        raise ArenaError(f"{folder} is the folder of no sweep and no comparison. Fix: arena map GAME --vary … --vary …")
    found = map_of(folder, trials, names)
    save(draw(found), found.picture)
    report(found)
    return 0


def play_sampled(
    game: str, settings: Mapping[str, Any], vary: Sequence[str], sampler: str, words: Words, given: Mapping[str, str | None]
) -> int:
    """Play the points that a sampler chooses, by the command `sweep`, and draw their map; return the exit code."""
    import itertools

    folder = given["out"] or next(f"runs/map-{n}" for n in itertools.count(1) if not Path(f"runs/map-{n}").exists())
    options = [f"--{name}={given[name]}" for name in ("seeds", "members", "workers", "config") if given[name] is not None]
    sweep = next(point for point in entry_points(group="arena.commands") if point.name == "sweep").load()
    varied = [f"--vary={word}" for word in vary]
    code = int(sweep([game, *varied, f"--sampler={sampler}", f"--out={folder}", *options, *words.left]))
    return code or draw_trials(Path(folder), [word.partition("=")[0] for word in vary])
