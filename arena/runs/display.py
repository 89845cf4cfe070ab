"""The display of a run: a live panel on a terminal, otherwise plain lines."""

import contextlib
import errno
import functools
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from arena.runs.endings import endings

if TYPE_CHECKING:
    from arena.config.config import Config
    from arena.engine.env import Arena
    from arena.runs.result import Result

COLOURS = ("dark_orange", "dodger_blue2")
"""Colours of the first and the second player, as in the pictures."""


class Display:
    """A receiver of the progress of a run; every method may do nothing."""

    rate: float = 0.0

    def begin(self, config: "Config", folder: Path, arena: "Arena") -> None: ...

    def row(self, row: dict[str, Any]) -> None: ...

    def note(self, text: str) -> None: ...

    def end(self) -> None: ...

    def report(self, result: "Result") -> None: ...


class Silent(Display):
    """A display that prints nothing."""


class Turns(Display):
    """Reports the turns played at each row of the trace, and nothing else."""

    def __init__(self, tell: Callable[[int], None]):
        self.tell = tell

    def row(self, row: dict[str, Any]) -> None:
        self.tell(row["turn"])


class _Output:
    """Standard output that goes silent if its reader has ended, as in `| head`, or its terminal is gone."""

    def __init__(self) -> None:
        self._stream = sys.stdout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._in_silence():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._in_silence():
            self._stream.flush()

    @contextlib.contextmanager
    def _in_silence(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            gone = [self._stream, *([sys.stderr] if error.errno == errno.EIO else [])]  # the terminal is that of both
            for stream in gone:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _console(**options: Any) -> Console:
    return Console(file=cast("IO[str]", _Output()), **options)


def command(name: str) -> str:
    """Return how to type a command of this installation: its name if the shell finds it, else its path."""
    beside = Path(sys.executable).parent / name
    return name if shutil.which(name) or not beside.exists() else os.path.relpath(beside)


def terminal() -> Console:
    """Return the console of a command. A file or a pipe has no width, so that its lines are long."""
    console = _console()
    return console if console.is_terminal else _console(width=200)


def show_line(console: Console, name: str, text: str, width: int = 12, markup: bool = False) -> None:
    """Print a named line of a report; nothing if the text is empty."""
    if text:
        console.print(f"  {name:<{width}}{text}", highlight=False, soft_wrap=True, markup=markup)


def table_of(texts: Iterable[str], numbers: Iterable[str] = ()) -> Table:
    """Return an empty table, given the heads of its columns of text and then those of its columns of numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head in texts:
        table.add_column(head, overflow="fold")
    for head in numbers:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def duration(seconds: float) -> str:
    """Return seconds in words.

    Example:
        >>> duration(5.25), duration(267)
        ('5.2 s', '4 min 27 s')
    """
    return f"{int(seconds // 60)} min {seconds % 60:.0f} s" if seconds >= 60 else f"{seconds:.1f} s"


def show() -> Display:
    """Return a live panel on a terminal, else plain lines."""
    console = _console()
    return Panel(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)


class Lines(Display):
    """Plain lines: one at the beginning, about twenty on the way, and the report at the end."""

    def __init__(self, console: Console):
        self.console = console
        self._latest: dict[str, float] = {}
        self._next = 0.0

    def begin(self, config: "Config", folder: Path, arena: "Arena") -> None:
        self.config, self.folder, self.arena = config, folder, arena
        flat = config.flat()
        what = f"{flat['rule.name']} rule, {flat['scheduler.name']} scheduler, seed {flat['seed']}, on {arena.device}"
        done = f"turn {arena.turns_played:,} of " if arena.turns_played else ""
        self._began = time.monotonic()
        self._print(f"[bold]{config.game.name}[/]: {done}{arena.turns:,} turns, {what}, into {folder}")
        self._next = arena.turns_played

    def row(self, row: dict[str, Any]) -> None:
        self._take(row)
        if row["turn"] < self._next:
            return
        self._next = row["turn"] + self.arena.turns / 20
        parts = [f"turn {row['turn']:>{len(f'{self.arena.turns:,}')},}"]
        parts += [f"{key} {self._number(f'{key}.loss')}" for key in self.arena.game.keys]
        if "score" in row:
            parts.append(f"score {self._number('score')}{_of(row.get('judged', 'raw'))}")
        if self.rate:
            parts.append(f"{self.rate:,.0f} turns/s")
        self._print("   ".join(parts))

    def note(self, text: str) -> None:
        self._print(text)

    def report(self, result: "Result") -> None:
        report(self.console, result, time.monotonic() - self._began)

    def _take(self, row: dict[str, Any]) -> None:
        self._latest |= {name: value for name, value in row.items() if isinstance(value, (int, float))}
        self._latest |= {"score_turn": row["turn"]} if "score" in row else {}

    def _number(self, name: str) -> str:
        value = self._latest.get(name)
        return "–" if value is None else f"{value:.4g}"

    def _print(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


class Panel(Lines):
    """A progress bar above a table of both players, redrawn at most ten times a second."""

    def begin(self, config: "Config", folder: Path, arena: "Arena") -> None:
        super().begin(config, folder, arena)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None, complete_style=COLOURS[1], finished_style=COLOURS[1]),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f} turns/s"),
            TimeRemainingColumn(),
            console=self.console,
            expand=True,
        )
        self._task = self._bar.add_task(config.game.name, total=arena.turns, completed=arena.turns_played, rate=0.0)
        self._live = Live(self._view(), console=self.console, auto_refresh=False, transient=False)
        self._live.start()
        self._drawn = 0.0

    def row(self, row: dict[str, Any]) -> None:
        self._take(row)
        self._bar.update(self._task, completed=row["turn"], rate=self.rate)
        now = time.monotonic()
        if now - self._drawn > 0.1 or row["turn"] == self.arena.turns:
            self._drawn = now
            self._live.update(self._view(), refresh=True)

    def end(self) -> None:
        self._live.update(self._view(), refresh=True)
        self._live.stop()

    def _when(self, name: str) -> str:
        """Return the turn of a number that was measured before the latest row, as a suffix."""
        turn = self._latest.get(f"{name}_turn")
        return f" in turn {turn:,}" if turn is not None and turn != self._latest["turn"] else ""

    def _view(self) -> Group:
        table = Table(box=None, padding=(0, 2), expand=False, header_style="dim")
        for head in ("", "loss", "‖gradient‖", "‖update‖", "cosine", "moves"):
            table.add_column(head, justify="left" if not head else "right", min_width=8)
        for role, colour in zip(self.arena.game.roles, COLOURS, strict=True):
            names = ("loss", "gradient_norm", "update_norm", "update_cosine", "moves")
            table.add_row(f"[{colour}]{role}[/]", *(self._number(f"{role}.{name}") for name in names))
        own = [f"{name[5:]} {self._number(name)}" for name in self._latest if name.startswith("game.")]
        real = f" (real data {self._number('ceiling')})" if "ceiling" in self._latest else ""
        score = f"score [bold]{self._number('score')}[/]{_of(self.arena.judged)}{self._when('score')}{real}"
        score += f", best {self._number('best')}{self._when('best')}{_peeking(self.arena)}"
        return Group(self._bar, table, "   ".join([score, *own]))


def _of(judged: str) -> str:
    """Return the suffix of a score of players that are not the live ones."""
    return "" if judged == "raw" else f" ({judged})"


def _peeking(arena: "Arena | None") -> str:
    """Return the suffix of a best score that uses oracle labels."""
    return " (an oracle's: it uses labels)" if arena is not None and arena.game.score_uses_oracle else ""


def report(console: Console, result: "Result", seconds: float | None = None, *, over: bool = False) -> None:
    """Print how a run ended, the seconds it took and the paths of its files. If it was `over` before, nothing else happens now."""

    line = functools.partial(show_line, console, markup=True)
    if result.status in ("diverged", "alarmed"):
        console.print(f"[bold]{result.status}[/]: {result.reason}", highlight=False, soft_wrap=True)
    elif result.status == "interrupted":
        again = f"{command('arena')} resume {result.folder}"
        console.print(f"stopped after turn {result.turns:,}. Continue with:  {again}", highlight=False, soft_wrap=True)
    else:
        console.print(f"[bold]{result.status}[/] after {result.turns:,} turns", highlight=False)
    if result.status != "interrupted" and not over:
        for name, text in endings(result.folder):
            line(name, text)
    best = f"best {result.best:.4g}{result.when('best')}{_peeking(result.arena)}" if result.best is not None else ""
    if result.score is not None:
        real = f", real data {result.ceiling:.4g} ({result.score / result.ceiling:.2f}×)" if result.ceiling else ""
        line("score", f"{result.score:.4g}{_of(result.judged)}{result.when('score')}{real}{best and ', '}{best}")
    else:
        line("score", best and f"none at the end; {best}")
    if result.metrics and (when := result.when("metrics")):
        line("metrics", f"those{when}:")
    wide = max([22, *map(len, result.metrics)]) + 2
    for place, (name, value) in enumerate(result.metrics.items()):
        number = "–" if value is None else f"{value:.4g}"
        real = f"real data {result.ceilings[name]:.4g}" if name in result.ceilings else ""
        line("metrics" if place == 0 else "", f"{name:<{wide}}{number:<12}{real}".rstrip())
    for place, (name, (turn, reason)) in enumerate(result.alarms.items()):
        line("alarms" if place == 0 else "", f"[dark_orange]{name}[/] in turn {turn:,}: {reason}")
    if pictures := result.pictures:
        line("picture", str(pictures[0]))
        line("", "beside it " * (len(pictures) > 1) + ", ".join(str(file.relative_to(result.folder)) for file in pictures[1:]))
    if seconds is not None:
        line("took", duration(seconds))
    line("trace", str(result.trace))
    line("run folder", str(result.folder))
    line("look", f"{command('arena')} tensorboard {result.folder}")
