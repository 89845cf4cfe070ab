"""What a comparison shows in the terminal."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from arena.core.result_table import OwnTable
from arena.experiments.compare.figures import labels
from arena.experiments.compare.plan import Job
from arena.experiments.compare.play import Comparison
from arena.experiments.compare.results import Summary
from arena.experiments.verdict import Verdict
from arena.runs.display import COLOURS, command, terminal

SHADES = {
    Verdict.CONVERGED: "green",
    Verdict.CONVERGING: "green",
    Verdict.CYCLING: "yellow",
    Verdict.DIVERGED: "red",
    Verdict.ELSEWHERE: "magenta",
}


class Progress:
    """A bar over all runs on a terminal, else a line for each run that ends."""

    def __init__(self, jobs: Sequence[Job], folder: Path):
        self.console, self.folder = terminal(), folder
        variants = len({job.variant for job in jobs})
        what = f"{variants} variants × {len(jobs) // variants} seeds" if len(jobs) > variants else f"{variants} variants"
        self.console.print(f"[bold]{jobs[0].settings['game']}[/]: {what}, into {folder}", highlight=False, soft_wrap=True)
        self._live = self.console.is_terminal and not self.console.is_dumb_terminal
        self._bar = Bar(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None, complete_style=COLOURS[1], finished_style=COLOURS[1]),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            expand=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task("runs", total=len(jobs))

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def tell(self, job: Job, how: str) -> None:
        """A run has ended."""
        self._bar.advance(self._task)
        if not self._live:
            self.console.print(f"{how:<12}{job.variant}, seed {job.seed}", highlight=False, markup=False, soft_wrap=True)

    def interrupted(self) -> None:
        """Ctrl-C."""
        self._bar.stop()
        text = f"stopped; every run has saved itself. Go on with:  {command('arena')} resume {self.folder}"
        self.console.print(text, highlight=False, soft_wrap=True)


def report(found: Comparison, console: Console | None = None) -> None:
    """The table, and where everything is."""
    console = console or terminal()
    own_table = found.own_table
    console.print(table(found.summaries) if own_table is None else own(own_table))
    for note in () if own_table is None else own_table.notes:
        console.print(f"  {note}", highlight=False, markup=False)
    for label, summary in zip(labels(found.summaries), found.summaries, strict=True):
        reason = next((o.reason for o in summary.outcomes if o.reason), None)
        if reason:
            console.print(f"  [bold]{label.replace('[', chr(92) + '[')}[/]: {reason}", highlight=False, soft_wrap=True)
    for picture in found.pictures:
        console.print(f"  picture     {picture}", highlight=False, soft_wrap=True)
    for name in ["comparison.csv"] if own_table is None else ["table.md", "comparison.csv"]:
        console.print(f"  table       {found.folder / name}", highlight=False, soft_wrap=True)
    console.print(f"  look        {command('tensorboard')} --logdir {found.folder}", highlight=False, soft_wrap=True)


def table(summaries: Sequence[Summary]) -> Table:
    """One row for each variant."""
    measured = any(s.spread("contraction") for s in summaries)
    claimed = any(s.theory for s in summaries)
    ceiling = next((o.ceiling for s in summaries for o in s.outcomes if o.ceiling is not None), None)
    several = any(len(s.outcomes) > 1 for s in summaries)
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    varied = [s.varied for s in summaries]
    keys = list(varied[0])
    for key in keys:
        made.add_column(key if varied[0][key] else "variant", overflow="fold")
    heads = ["score" + (" (mean ± SD)" if several else "")]
    heads += ["× real data"] * (ceiling is not None) + ["contraction"] * measured + ["theory"] * claimed + ["cost"]
    for head in heads:
        made.add_column(head, justify="right", no_wrap=True)
    made.add_column("verdict", overflow="fold")
    for values, s in zip(varied, summaries, strict=True):
        score, rate, cost = (s.spread(name) for name in ("score", "contraction", "cost"))
        cells = [(values[key] or key).replace("[", "\\[") for key in keys]
        cells.append(_spread(score, several, ".3g"))
        if ceiling is not None:
            cells.append("–" if score is None else f"{score[0] / ceiling:.2f}")
        if measured:
            cells.append(_spread(rate, False, ".4f"))
        if claimed:
            cells.append("–" if s.theory is None else f"{s.theory.spectral_radius():.4f}")
        cells.append("–" if cost is None else f"{cost[0]:,.0f}")
        shade = SHADES.get(s.outcomes[0].verdict, "dim")
        cells.append(f"[{shade}]{s.verdicts}[/]")
        made.add_row(*cells)
    return made


def own(found: OwnTable) -> Table:
    """A game's own table."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head in found.head:
        made.add_column(head, overflow="fold")
    for cells in found.rows:
        made.add_row(*(cell.replace("[", "\\[") for cell in cells))
    return made


def _spread(value: tuple[float, float] | None, several: bool, form: str) -> str:
    if value is None:
        return "–"
    return f"{value[0]:{form}} ± {value[1]:{form}}" if several else f"{value[0]:{form}}"
