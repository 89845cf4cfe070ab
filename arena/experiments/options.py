"""The command-line options that all experiments share."""

from typing import Any

from arena.runs.command_line import CommandLine

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
