"""Go on with a run that was stopped or killed.

arena resume runs/swiss-roll-1
"""

import os
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from arena.errors import ArenaError, typed
from arena.runs.command_line import CommandLine, wants_help
from arena.runs.usage import show_usage

USAGE = """\
usage: arena resume FOLDER [--turns N]

Go on with a run from its latest checkpoint; it ends bit for bit as if it had never been stopped.

  FOLDER     a run folder, as `arena play` named it, or that of a comparison, a map or a sweep, as `arena compare`, `arena map` or
             `arena sweep` did
  --turns N  another turn budget for a run, also for one whose turns are spent; schedules run over the new budget"""


def main(arguments: Sequence[str]) -> int:
    line = CommandLine(arguments, USAGE, "arena resume runs/swiss-roll-1")
    if wants_help(arguments):
        show_usage(USAGE)
        return 0
    if line.exit_code is not None:
        return line.exit_code
    turns = line.pop_number("turns", "a whole number of turns, such as 20000")
    folder, *more = line.words
    if more:
        raise ArenaError(f"'{more[0]}' is too much: a run is resumed with its own settings; write `arena resume {typed(folder)}`")
    from arena.commands.play import exit_code
    from arena.report.write import FILE
    from arena.runs.display import report
    from arena.runs.folders import check_own
    from arena.runs.play import go_on

    check_own(Path(folder))
    for point in entry_points(group="arena.resume"):
        if (Path(folder) / point.name).is_file():
            if turns is not None:
                raise ArenaError(f"{folder} is no single run, which --turns could make longer. Fix: arena resume {typed(folder)}")
            return int(point.load()(Path(folder)))
    result = go_on(Path(folder), turns=turns)
    if result.arena is None and os.environ.get("RANK", "0") == "0":
        from rich.console import Console

        console = Console()
        console.print("this run is over; there is nothing to resume", highlight=False)
        report(console, result, over=_is_reported(result.folder / FILE))  # a kill may have come before the report
    return exit_code(result.status)


def _is_reported(file: Path) -> bool:
    """Return whether a report was written after the end of its run, and not before the run was made longer."""
    return file.exists() and file.stat().st_mtime >= (file.parent / "trace.jsonl").stat().st_mtime
