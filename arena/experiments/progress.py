"""The progress of an experiment: a bar on a terminal, else a line for each job that ends."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from arena.runs.display import command, show_line, terminal
from arena.runs.endings import endings
from arena.runs.view import COLOURS

T = TypeVar("T")


class Progress:
    """Shows how far an experiment is.

    Args:
        folder: of the experiment.
        total: amount of work, in any unit.
        runs: number of jobs, as they are counted for the user.
        unit: plural noun of those jobs.
        heads: lines printed first.
    """

    def __init__(self, folder: Path, total: float, runs: int, unit: str, *heads: str):
        self.console, self.folder, self.runs, self.unit = terminal(), folder, runs, unit
        self.kept = 0
        for head in heads:
            self.say(head)
        self._live = self.console.is_terminal and not self.console.is_dumb_terminal
        self._bar = Bar(
            BarColumn(bar_width=None, complete_style=COLOURS[1], finished_style=COLOURS[1]),
            TextColumn("{task.fields[kept]:,} of {task.fields[runs]:,} {task.fields[unit]}{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            expand=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task("", total=total, kept=0, runs=runs, unit=unit, note="")
        self._began = time.monotonic()

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()
        if kind is KeyboardInterrupt:
            self.say(
                f"stopped with {self.kept:,} of {self.runs:,} {self.unit} kept. Continue with:  {command('arena')} resume {self.folder}"
            )

    def play(self, finish: Callable[[], T], report: Callable[[T, float], bool]) -> int:
        """Show the progress while an experiment is played, and then its report; return the exit code.

        Args:
            finish: plays it and returns its result.
            report: prints a result, given the seconds that it took; returns whether anything succeeded.
        """
        try:
            with self:
                played = finish()
        except KeyboardInterrupt:
            return 130
        seconds = time.monotonic() - self._began
        for name, text in endings(self.folder):
            show_line(self.console, name, text)
        return 0 if report(played, seconds) else 1

    def update(self, done: float, kept: int, line: str = "", note: str = "") -> None:
        """Show how much is done.

        Args:
            done: amount of work.
            kept: jobs that have ended.
            line: printed if there is no bar.
            note: shown beside the bar.
        """
        self.kept = kept
        self._bar.update(self._task, completed=done, kept=kept, note=note)
        if line and not self._live:
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line, with markup."""
        self.console.print(text, highlight=False, soft_wrap=True)
