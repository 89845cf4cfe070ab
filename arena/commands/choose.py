"""Choose a checkpoint by criteria that need no labels, side by side.

arena choose runs/dann-1
arena choose runs/compare-dann-1
"""

from collections.abc import Sequence
from pathlib import Path

from arena.runs.command_line import wants_help
from arena.runs.usage import show_usage

USAGE = """\
usage: arena choose FOLDER ...

Say which turn each of a game's criteria would have chosen, and how good that was, beside the last turn and an oracle that peeks.

  FOLDER   a run folder, as `arena play` named it, or that of a comparison, whose variants get a table each, over their seeds

What there is to choose from was measured while the run went on: `arena play dann --metrics.every 100`."""


def main(arguments: Sequence[str]) -> int:
    if not arguments or wants_help(arguments):
        show_usage(USAGE)
        return 0 if arguments else 2

    from arena.experiments.table import table_of_game
    from arena.runs.display import terminal
    from arena.runs.model_selection import runs_in, side_by_side

    screen = terminal()
    for folder in arguments:
        for variant, runs in runs_in(Path(folder)).items():
            found = side_by_side(runs)
            screen.print(f"[bold]{variant}[/]", highlight=False)
            screen.print(table_of_game(found))
            for note in found.notes:
                screen.print(f"  {note}", highlight=False, markup=False)
    return 0
