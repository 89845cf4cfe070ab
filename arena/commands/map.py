"""Draw a game's score over two settings, played as populations.

arena map swiss-roll --vary generator.lr=1e-5:1e-1:32 --vary discriminator.lr=1e-5:1e-1:32
arena map bilinear --vary x.lr=0.01:1:24 --vary rule=simultaneous,extragradient,optimistic --seeds 3
"""

import itertools
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from arena.errors import ArenaError
from arena.experiments.options import FOLDER, OPTIONS, SEEDS, ExperimentLine
from arena.runs.command_line import CommandLine

USAGE = f"""\
usage: arena map GAME --vary SETTING=VALUES --vary SETTING=VALUES [--seeds SEEDS] [--members N|auto] [--backend NAME]
                 [--workers N] [--out FOLDER] [--config FILE] [--SETTING VALUE ...]
       arena map FOLDER [--vary SETTING --vary SETTING] [--report NAME]

Play a game in every cell of a grid over two settings, as populations; draw the scores, and mark the cells that diverged or collapsed, and
the best.

  GAME              a game's id (see `arena list`), an import path, or a file such as my_game.py
{FOLDER}
  --vary S=VALUES   the horizontal axis, then the vertical one: LOW:HIGH:COUNT, spaced geometrically if both ends are above 0 and at least
                    ten times apart, else evenly; log:, linear: or int: before it chooses; or a list, as in scheduler.ratio=1,2,3 or
                    rule=lola,consensus
  --sampler NAME    points chosen by a sampler instead of a grid: tpe, qmc, …, as many as --trials; see `arena sweep --help`
  --seeds SEEDS     seeds of each cell, whose median is drawn: {SEEDS} (default: the one seed of the settings)
  --members N       the most runs of one population (default: auto, as many as are fast)
  --backend NAME    processes on this machine, in-place, or ray: a Ray cluster, here or at --address; or an import path or file
                    (default: processes)
  --config FILE     settings in YAML, such as the config.yaml of another map, which this replays; options on the command line win
{OPTIONS.format(name="map")}"""


def main(arguments: Sequence[str]) -> int:
    if any(word.partition("=")[0] == "--sampler" for word in arguments):
        return play_sampled(arguments)
    example = "arena map swiss-roll --vary generator.lr=1e-5:1e-1:16 --vary discriminator.lr=1e-5:1e-1:16"
    line = ExperimentLine(arguments, USAGE, example, "map")
    if line.exit_code is not None:
        return line.exit_code
    members, saved = line.pop("members"), line.settings.pop("map", {})
    axes = line.vary or [saved[name] for name in ("x", "y") if name in saved]
    if len(axes) != 2:
        raise ArenaError(f"a map varies two settings, not {len(axes)}. Fix: --vary generator.lr=1e-5:1e-1:16 --vary coupling=0:1:16")
    if members not in (None, "auto") and not (members.isdecimal() and int(members)):
        raise ArenaError(f"--members is '{members}'. Expected auto, or a whole number of at least 1")
    size = int(members) if members and members != "auto" else members or saved.get("members", "auto")

    from arena.experiments.map.plan import begin, plan, seeds_of_plan
    from arena.experiments.map.play import default_workers, sized

    words = [*saved.get("options", []), *line.rest]
    planned = plan(line.name, line.settings, words, axes[0], axes[1], line.seeds or seeds_of_plan(saved), size, **line.where)
    return play_on(begin(sized(planned, line.workers or default_workers(planned)), line.out), line.workers)


def play_on(folder: Path, count: int | None = None) -> int:
    """Play a map to its end, or continue it; show its progress and its report. Return the exit code."""
    from arena.experiments.map.plan import load
    from arena.experiments.map.play import default_workers, finish, sized
    from arena.experiments.map.report import progress, report

    planned = load(folder)
    count = count or default_workers(planned)
    shown, tell = progress(planned, folder, count)
    explain = lambda why: shown.say(f"[dim]some runs are played one by one: {why}[/]")  # noqa: E731
    return shown.play(lambda: finish(sized(planned, count), folder, count, tell, explain), report)


def play_sampled(arguments: Sequence[str]) -> int:
    """Play the points that a sampler chooses, by the command `sweep`, and draw their map; return the exit code."""
    line = CommandLine(arguments, USAGE, "")
    vary, out = line.pop_all("vary"), line.pop("out")
    folder = out or next(f"runs/map-{n}" for n in itertools.count(1) if not Path(f"runs/map-{n}").exists())
    sweep = next(point for point in entry_points(group="arena.commands") if point.name == "sweep").load()
    code = int(sweep([*arguments, *([] if out else [f"--out={folder}"])]))
    if code == 0:
        from arena.experiments.trials import show_report

        show_report("map", Path(folder), [word.partition("=")[0] for word in vary])
    return code
