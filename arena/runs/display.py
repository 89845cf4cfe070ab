"""The display of a run: a live panel on a terminal, otherwise plain lines."""

import contextlib
import errno
import functools
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from arena.errors import typed
from arena.runs.endings import endings
from arena.runs.usage import NARROW
from arena.runs.view import View, of, peeking

if TYPE_CHECKING:
    from arena.config.config import Config
    from arena.engine.env import Arena
    from arena.runs.result import Result


class Display:
    """A receiver of the progress of a run; every method may do nothing."""

    rate: float = 0.0

    def begin(self, config: "Config", folder: Path, arena: "Arena") -> None: ...

    def row(self, row: dict[str, Any], ringing: Mapping[str, str]) -> None:
        """Take a row of the trace, and the reasons of the alarms that are raised now, by name."""

    def note(self, text: str) -> None: ...

    def end(self) -> None: ...

    def report(self, result: "Result") -> None: ...


class Silent(Display):
    """A display that prints nothing."""


class Turns(Display):
    """Reports the turns played at each row of the trace, and nothing else."""

    def __init__(self, tell: Callable[[int], None]):
        self.tell = tell

    def row(self, row: dict[str, Any], ringing: Mapping[str, str]) -> None:
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
    """Print a named line of a report; nothing if the text is empty. In a narrow terminal the text is below the name."""
    body = Text.from_markup(text) if markup else Text(text)
    if text and console.is_terminal and console.width < NARROW:
        console.print(*([f"  [dim]{name}[/]"] if name else []), Padding(body, (0, 0, 0, 4)), sep="\n", highlight=False)
    elif " " in text and console.is_terminal and body.cell_len + width + 2 > console.width:
        grid = Table.grid()
        grid.add_column(width=width + 2, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(f"  {name}", body)
        console.print(grid)
    elif text:
        console.print(f"  {name:<{width}}{text}", highlight=False, soft_wrap=True, markup=markup)


def table_of(texts: Iterable[str], numbers: Iterable[str] = ()) -> Table:
    """Return an empty table, given the heads of its columns of text and then those of its columns of numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head in texts:
        table.add_column(head, overflow="fold")
    for head in numbers:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def fits(console: Console, table: Table) -> bool:
    """Return whether the words and the numbers of a table fit beside each other."""
    wide = 0
    for column in table.columns:
        texts = [Text.from_markup(str(cell)) for cell in (column.header, *column.cells)]
        words = texts if column.no_wrap else [Text(word) for text in texts for word in text.plain.split()]
        wide += max((word.cell_len for word in words), default=0) + 2
    return wide - 2 <= console.width


def show_table(console: Console, table: Table) -> None:
    """Print a table; where its words and numbers do not fit beside each other, each row as a block of lines."""
    if fits(console, table):
        console.print(table)
        return
    first, *others = table.columns
    wide = max([len(str(column.header)) for column in others], default=0) + 2
    for title, *cells in zip(*(column.cells for column in (first, *others)), strict=True):
        console.print(f"[bold]{title}[/]", highlight=False)
        for column, cell in zip(others, cells, strict=True):
            if str(cell):
                grid = Table.grid()
                grid.add_column(width=wide + 2, style="dim")
                grid.add_column(overflow="fold")
                grid.add_row(f"  {column.header}", str(cell))
                console.print(grid)


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
        self._print(f"[bold]{config.game.name}[/]: {done}{arena.turns:,} turns, {what}, into {escape(str(folder))}")
        self._next = arena.turns_played

    def row(self, row: dict[str, Any], ringing: Mapping[str, str]) -> None:
        self._take(row)
        if row["turn"] < self._next:
            return
        self._next = row["turn"] + self.arena.turns / 20
        parts = [f"turn {row['turn']:>{len(f'{self.arena.turns:,}')},}"]
        parts += [f"{key} {self._number(f'{key}.loss')}" for key in self.arena.game.keys]
        if "score" in row:
            parts.append(f"score {self._number('score')}{of(row.get('judged', 'raw'))}")
        if self.rate:
            parts.append(f"{self.rate:,.0f} turns/s")
        self._print("   ".join(parts))

    def note(self, text: str) -> None:
        self._print(escape(text))  # because brackets are markup

    def report(self, result: "Result") -> None:
        report(self.console, result, time.monotonic() - self._began)

    def _take(self, row: dict[str, Any]) -> None:
        self._latest |= {name: value for name, value in row.items() if isinstance(value, (int, float))}
        if "score" in row:
            self._latest["score_turn"] = row["turn"]

    def _number(self, name: str) -> str:
        value = self._latest.get(name)
        return "–" if value is None else f"{value:.4g}"

    def _print(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=not self.console.is_terminal)


class Panel(Lines):
    """The live view, redrawn at most ten times a second with rows, and once a second between them, by a thread that only reads."""

    def begin(self, config: "Config", folder: Path, arena: "Arena") -> None:
        super().begin(config, folder, arena)
        self._latest["turn"] = arena.turns_played
        roles, oracle = arena.game.roles, arena.game.score_uses_oracle
        self._view = View(config.game.name, roles, arena.turns, oracle, {**self._latest}, played=lambda: int(arena.turns_played))
        self._live = Live(self._view, console=self.console, refresh_per_second=1, transient=False)
        self._live.start()
        self._drawn = 0.0

    def row(self, row: dict[str, Any], ringing: Mapping[str, str]) -> None:
        self._take(row)
        self._view.rate, self._view.judged, self._view.ringing = self.rate, self.arena.judged, dict(ringing)
        self._view.latest = {**self._latest}  # a copy, because the thread may be reading the former one
        now = time.monotonic()
        if now - self._drawn > 0.1 or row["turn"] == self.arena.turns:
            self._drawn = now
            self._live.refresh()

    def end(self) -> None:
        self._live.refresh()
        self._live.stop()


def report(console: Console, result: "Result", seconds: float | None = None, *, over: bool = False) -> None:
    """Print the endings of a run, its numbers, how it ended, the seconds it took and the paths of its files.

    If it was `over` before, nothing is written: an earlier report is named.
    """
    line = functools.partial(show_line, console, markup=True)
    narrow = console.is_terminal and console.width < NARROW
    if result.status == "interrupted":
        again = f"{command('arena')} resume {typed(result.folder)}"
        console.print(f"stopped after turn {result.turns:,}. Continue with:  {again}", highlight=False, soft_wrap=True)
    else:
        line("report", str(result.report) if over and result.report.is_file() else "")
        for name, text in endings(result.folder, but=("report",) if over else ()):
            line(name, escape(text))
    best = f"best {result.best:.4g}{result.when('best')}{peeking(result.oracle)}" if result.best is not None else ""
    if result.score is not None:
        real = f", real data {result.ceiling:.4g} ({result.score / result.ceiling:.2f}×)" if result.ceiling else ""
        line("score", f"{result.score:.4g}{of(result.judged)}{result.when('score')}{real}{best and ', '}{best}")
    else:
        line("score", best and f"none at the end; {best}")
    if result.status != "interrupted":
        how = f"{result.status}[/]: {escape(result.reason or '')}" if result.reason else f"{result.status}[/] after {result.turns:,} turns"
        line("status", f"[bold]{how}" + (f" in {duration(seconds)}" if seconds is not None and not result.reason else ""))
    for place, (name, (turn, reason)) in enumerate(result.alarms.items()):
        line("alarms" if place == 0 else "", f"[dark_orange]{name}[/] in turn {turn:,}: {escape(reason)}")
    if result.metrics and (when := result.when("metrics")):
        line("metrics", f"those{when}:")
    wide = 0 if narrow else max([22, *map(len, result.metrics)]) + 2
    rows = []
    for name, value in result.metrics.items():
        number = "–" if value is None else f"{value:.4g}"
        real = f"real data {result.ceilings[name]:.4g}" if name in result.ceilings else ""
        rows.append(f"{name} {number}{real and f' ({real})'}" if narrow else f"{name:<{wide}}{number:<12}{real}".rstrip())
    for place, row in enumerate(rows):
        line("metrics" if place == 0 else "", row)
    if pictures := result.pictures:
        line("picture", str(pictures[0]))
        line("", "beside it " * (len(pictures) > 1) + ", ".join(str(file.relative_to(result.folder)) for file in pictures[1:]))
    line("trace", str(result.trace))
    line("run folder", str(result.folder))
    line("look", f"{command('arena')} tensorboard {typed(result.folder)}")
