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
  --address HOST    of a running Ray cluster, whose nodes see the folder under the same path (default: start one here)
  --gpus N          GPUs that Ray gives to each job, such as 0.25
  --out FOLDER      the folder, which must not exist (default: the next runs/{name}-GAME-NUMBER)

Every setting of a game is an option, as in `arena play GAME --help`."""


class ExperimentLine(CommandLine):
    """The command line of an experiment, or of a report on the folder of one, which is printed at once.

    Args:
        words: the words.
        usage: text that `--help` prints.
        example: a complete command, for the error if no game is named.
        report: name of the report if the command line names none.

    Attributes:
        vary: the words of all `--vary`.
        name: the game.
        settings: of the file that `--config` names.
        out: the folder; None if it was not given.
        seeds: as they were typed; None if they were not.
        workers: number of processes; None if it was not given.
        where: backend, address and gpus, of those that were given.
    """

    def __init__(self, words: Sequence[str], usage: str, example: str, report: str):
        super().__init__(words, usage, example)
        if self.exit_code is not None:
            return
        self.vary = self.pop_all("vary")
        self.name, self.settings = self.game(file=self.pop("config"))

        from arena.experiments.trials import is_experiment, show_report  # which load torch

        if is_experiment(self.name):
            report = self.pop("report") or report
            if self.rest:
                raise ArenaError(f"'{self.rest[0]}' is too much: a report takes a folder, --report NAME and --vary SETTING")
            show_report(report, Path(self.name), self.vary)
            self.exit_code = 0
            return
        self.out, self.seeds = self.pop("out"), self.pop("seeds")
        self.workers: int | None = self.pop_number("workers", "a whole number of at least 1")
        where = {"backend": self.pop("backend"), "address": self.pop("address"), "gpus": self.pop_number("gpus", "a number", float, 0)}
        self.where: dict[str, Any] = {name: value for name, value in where.items() if value is not None}
