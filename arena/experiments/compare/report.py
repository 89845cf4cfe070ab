"""The report of a comparison in the terminal."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from arena.core.result_table import ResultTable
from arena.experiments.compare.figures import labels
from arena.experiments.compare.plan import Job, Plan
from arena.experiments.compare.play import Comparison
from arena.experiments.compare.results import Summary
from arena.experiments.progress import Progress
from arena.experiments.verdict import Verdict
from arena.runs.display import command, show_line, terminal

SHADES = {
    Verdict.CONVERGED: "green",
    Verdict.CONVERGING: "green",
    Verdict.CYCLING: "yellow",
    Verdict.DIVERGED: "red",
    Verdict.ELSEWHERE: "magenta",
}


def progress(found: Plan, folder: Path) -> tuple[Progress, Callable[[Job, str], None]]:
    """Return the progress of a comparison, and the function that takes each run that ends with its status."""
    jobs, ended = found.jobs, Counter[str]()
    variants = len({job.variant for job in jobs})
    what = f"{variants} variant{'s' * (variants > 1)}" + (f" × {len(jobs) // variants} seeds" if len(jobs) > variants else "")
    shown = Progress(folder, len(jobs), len(jobs), "runs", f"[bold]{found.game}[/]: {what}, into {folder}")

    def tell(job: Job, status: str) -> None:
        ended[status] += 1
        shown.update(ended.total(), ended.total(), f"{status:<12}{job.variant}, seed {job.seed}")

    return shown, tell


def report(found: Comparison, console: Console | None = None) -> None:
    """Print the table and the paths of all files."""
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
        show_line(console, "picture", str(picture))
    for name in ["comparison.csv"] if own_table is None else ["table.md", "comparison.csv"]:
        show_line(console, "table", str(found.folder / name))
    show_line(console, "look", f"{command('tensorboard')} --logdir {found.folder}")


def table(summaries: Sequence[Summary]) -> Table:
    """Return a table with one row for each variant."""
    measured = any(s.spread("contraction") for s in summaries)
    claimed = any(s.theory for s in summaries)
    ceiling = next((o.ceiling for s in summaries for o in s.outcomes if o.ceiling is not None), None)
    several = any(len(s.outcomes) > 1 for s in summaries)
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    varied = [s.varied or {"variant": s.variant} for s in summaries]
    keys = list(varied[0])
    for key in keys:
        made.add_column(key, overflow="fold")
    heads = ["score" + (" (mean ± SD)" if several else "")]
    heads += ["× real data"] * (ceiling is not None) + ["contraction"] * measured + ["theory"] * claimed + ["cost"]
    for head in heads:
        made.add_column(head, justify="right", no_wrap=True)
    made.add_column("verdict", overflow="fold")
    for values, s in zip(varied, summaries, strict=True):
        score, rate, cost = (s.spread(name) for name in ("score", "contraction", "cost"))
        cells = [values[key].replace("[", "\\[") for key in keys]
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


def own(found: ResultTable) -> Table:
    """Return the table of a game."""
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
