"""Choose a checkpoint by criteria that need no labels, side by side.

arena choose runs/dann-1
arena choose runs/compare-dann-1
"""

from collections.abc import Sequence
from pathlib import Path

from arena.runs.command_line import CommandLine

USAGE = """\
usage: arena choose FOLDER ... [--after TURNS]

Say which turn each of a game's criteria would have chosen, and how good that was, beside the last turn and an oracle that peeks.

  FOLDER          a run folder, as `arena play` named it, or that of a comparison, whose variants get a table each, over their seeds
  --after TURNS   the first turn that may be chosen (default: a tenth of the run, because criteria may prefer untrained players)

What there is to choose from was measured while the run went on: `arena play dann --metrics.every 100`."""


def main(arguments: Sequence[str]) -> int:
    line = CommandLine(arguments, USAGE, "arena choose runs/dann-1")
    if line.exit_code is not None:
        return line.exit_code
    after = line.pop_number("after", "a whole number of turns, such as 1000", least=0)

    from arena.experiments.table import table_of_game
    from arena.runs.display import show_table, terminal
    from arena.runs.model_selection import runs_in, side_by_side

    screen = terminal()
    for folder in line.words:
        for variant, runs in runs_in(Path(folder)).items():
            found = side_by_side(runs, after)
            screen.print(f"[bold]{variant}[/]", highlight=False)
            show_table(screen, table_of_game(found))
            for note in found.notes:
                screen.print(f"  {note}", highlight=False, markup=False)
    return 0
