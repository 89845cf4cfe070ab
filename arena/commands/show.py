"""Print the summary of a run again, or the report of an experiment.

arena show runs/swiss-roll-1
"""

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from arena.errors import ArenaError, typed
from arena.runs.command_line import wants_help
from arena.runs.usage import show_usage

USAGE = """\
usage: arena show FOLDER

Print again the summary of a run that has ended, or the table of an experiment.

  FOLDER   a run folder, or that of a comparison, a map or a sweep"""


def main(arguments: Sequence[str]) -> int:
    if not arguments or wants_help(arguments):
        show_usage(USAGE)
        return 0 if arguments else 2
    if len(arguments) > 1:
        raise ArenaError(f"'{arguments[1][:60]}' is too much: `arena show` takes one folder")
    from arena.experiments.trials import show_report

    folder = Path(arguments[0])
    if not folder.is_dir():
        raise ArenaError(f"there is no folder {folder}. Fix: arena runs")
    if any((folder / point.name).is_file() for point in entry_points(group="arena.trials")):
        show_report("table", folder)
        return 0
    from arena.runs.display import report, terminal
    from arena.runs.play import ended

    result = ended(folder)
    if result is None:
        raise ArenaError(f"the run in {folder} has not ended, or is none. Fix: arena report {typed(folder)} shows it so far")
    report(terminal(), result, over=True)
    return 0
