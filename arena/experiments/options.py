"""The command-line options that all experiments share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.runs.command_line import CommandLine

FOLDER = """\
  FOLDER            of an experiment of any kind: prints this report on its trials, or that of --report NAME (table, map, sensitivity), over
                    all settings that varied, or those of --vary SETTING"""
SEEDS = "3 (0, 1 and 2), 0:3 (the same) or 0,1,5"
OPTIONS = """\
  --workers N       processes (default: one for each core)
  --address ADDRESS of a running Ray cluster, whose nodes see the folder under the same path (default: start one here)
  --gpus N          GPUs that Ray gives to each job, such as 0.25
  --out FOLDER      the folder, which must not exist (default: the next runs/{name}-GAME-NUMBER)

Every setting of a game is an option, as in `arena play GAME --help`."""


def pop_resources(line: CommandLine) -> tuple[int | None, dict[str, Any]]:
    """Remove --workers, --backend, --address and --gpus; return the number of processes, and those of the others that were given."""
    workers = line.pop_number("workers", "a whole number of at least 1")
    where = {"backend": line.pop("backend"), "address": line.pop("address"), "gpus": line.pop_number("gpus", "a number", float, 0)}
    return workers, {name: value for name, value in where.items() if value is not None}


def report_on(line: CommandLine, game: str, names: Sequence[str], usual: str) -> bool:
    """Print the report of an experiment's folder that is named in the place of a game; return whether it is one.

    Args:
        line: the command line, from which `--report` is removed.
        game: the word in the place of a game.
        names: of settings.
        usual: name of the report if no other is named.
    """
    from arena.experiments.trials import is_experiment, show_report

    if not is_experiment(game):
        return False
    name = line.pop("report") or usual
    if line.rest:
        raise ArenaError(f"'{line.rest[0]}' is too much: a report takes a folder, --report NAME and --vary SETTING")
    show_report(name, Path(game), names)
    return True
