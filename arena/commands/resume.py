"""Go on with a run that was stopped or killed.

arena resume runs/swiss-roll-1
"""

import os
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from arena.errors import ArenaError, typed
from arena.runs.command_line import wants_help
from arena.runs.usage import show_usage

USAGE = """\
usage: arena resume FOLDER

Go on with a run from its latest checkpoint; it ends bit for bit as if it had never been stopped.

  FOLDER   a run folder, as `arena play` named it, or that of a comparison, a map or a sweep, as `arena compare`, `arena map` or
           `arena sweep` did"""


def main(arguments: Sequence[str]) -> int:
    if not arguments or wants_help(arguments):
        show_usage(USAGE)
        return 0 if arguments else 2
    if len(arguments) > 1:
        raise ArenaError(
            f"'{arguments[1]}' is too much: a run is resumed with its own settings; write `arena resume {typed(arguments[0])}`"
        )
    from arena.commands.play import exit_code
    from arena.report.write import FILE
    from arena.runs.display import report
    from arena.runs.folders import check_own
    from arena.runs.play import go_on

    check_own(Path(arguments[0]))
    for point in entry_points(group="arena.resume"):
        if (Path(arguments[0]) / point.name).is_file():
            return int(point.load()(Path(arguments[0])))
    result = go_on(Path(arguments[0]))
    if result.arena is None and os.environ.get("RANK", "0") == "0":
        from rich.console import Console

        console = Console()
        console.print("this run is over; there is nothing to resume", highlight=False)
        report(console, result, over=(result.folder / FILE).exists())  # a kill may have come before the report
    return exit_code(result.status)
