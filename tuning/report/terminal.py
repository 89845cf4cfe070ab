"""What a sweep shows in the terminal."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from arena.experiments.ledger import Record
from arena.experiments.values import word_of
from arena.runs.display import COLOURS, command, duration, terminal
from arena.tuning.plan import Sweep
from arena.tuning.played import Played
from arena.tuning.report.sensitivity import METHODS


class Progress:
    """A bar over all trials on a terminal, else a line for each that ends.

    Args:
        found: the sweep.
        folder: of it.
    """

    def __init__(self, found: Sweep, folder: Path):
        self.console, self.folder, self.count = terminal(), folder, found.count
        options = found.options
        what = f"{self.count} points × {len(options.seeds)} seeds by {options.backend} ({options.sampler}, pruner {options.pruner})"
        self._say(f"[bold]{found.base().game.name}[/]: {', '.join(found.space.names)}")
        self._say(f"{what}, {found.budget:,.0f} gradient evaluations a run, into {folder}")
        self._live = self.console.is_terminal and not self.console.is_dumb_terminal
        self._bar = Bar(
            TextColumn("{task.completed:,} of {task.total:,} trials"),
            BarColumn(bar_width=None, complete_style=COLOURS[1], finished_style=COLOURS[1]),
            TextColumn("best {task.fields[best]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            expand=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task("trials", total=self.count, best="–")
        self._records: dict[int, Record] = {}
        self._began = time.monotonic()

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def tell(self, record: Record) -> None:
        """A trial has ended."""
        self._records[record.number] = record
        whole = [r.value for r in self._records.values() if r.state == "complete"]
        done = sum(r.state != "lost" for r in self._records.values())
        best = f"{min(whole):.4g}" if whole else "–"
        self._bar.update(self._task, completed=done, best=best)
        if not self._live:
            point = " ".join(f"{name}={_short(value)}" for name, value in record.point.items())
            fate = record.fate if record.state == "complete" else record.state
            self._say(f"{done:>5,} of {self.count:,}   {record.value:<9.4g} {fate:<14} {point}   best {best}")

    def interrupted(self) -> None:
        """Ctrl-C."""
        self._bar.stop()
        self._say(f"stopped with {len(self._records):,} trials kept. Go on with:  {command('arena')} resume {self.folder}")

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


def show(played: Played, seconds: float | None = None, to: Console | None = None) -> None:
    """What the trials say, the best point as a command, and where everything is."""
    out = to or terminal()

    def line(name: str, text: str) -> None:
        if text:
            out.print(f"  {name:<14}{text}", highlight=False, soft_wrap=True, markup=False)

    found, space = played.findings, played.sweep.space
    if found is None:
        line("too few", f"{len(played.records)} trials say nothing about the settings yet")
    else:
        out.print(_table(found.importance, "matters"))
        if found.derived:
            out.print(_table(found.derived, "matters, otherwise put"))
        for name in found.importance:
            if name in found.curves:
                line("tolerance" if name == next(iter(found.importance)) else "", f"{name}: {found.curves[name].told(space[name])}")
        for (a, b), share in [*found.interactions.items()][:2]:
            line("together", f"{a} and {b}: {share:.0%} of what settings explain is neither's alone")
        if found.settings is not None:
            among = f"; among the best quarter {found.among_best}" if found.among_best is not None else ""
            line("settings", f"explain {found.settings} of the variance, the seeds the rest{among}")
    counts = Counter(r.fate if r.state == "complete" else r.state for r in played.records)
    line("points", ", ".join(f"{count} {fate}" for fate, count in counts.most_common()))
    for warning in found.warnings if found is not None else []:
        line("careful", warning)
    if (best := played.best) is not None:
        label = " (peeks)" if played.sweep.peeks else ""
        real = f", real data {played.sweep.ceiling:.3g}" if played.sweep.ceiling else ""
        line(
            "best",
            f"{best.value:.4g} by {next(iter(best.values))}{label}{real}: " + " ".join(f"{n}={_short(v)}" for n, v in best.point.items()),
        )
        line("replay", f"{command('arena')} play --config {played.folder / 'best.yaml'}")
    if len(played.sweep.options.objectives) > 1:
        for record in sorted(played.front, key=lambda record: record.value):
            line("front", " ".join(f"{n}={v:.4g}" for n, v in record.values.items()) + f"  trial {record.number}")
    line("pictures", " ".join(path.name for path in sorted(played.folder.glob("*.png"))))
    line("folder", str(played.folder))
    if seconds is not None:
        line("took", duration(seconds))


def _table(importance: Mapping[str, Mapping[str, object]], title: str) -> Table:
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column(title, no_wrap=True)
    for method in METHODS:
        made.add_column(method, justify="right", no_wrap=True)
    for name, by_method in importance.items():
        made.add_row(name, *(str(by_method[method]) for method in METHODS))
    return made


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else word_of(value)  # type: ignore[arg-type]
