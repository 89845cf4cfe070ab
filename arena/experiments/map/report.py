"""The report of a map in the terminal."""

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from arena.config.config import Config
from arena.config.play_command import play_command
from arena.experiments.map.plan import Plan
from arena.experiments.map.played import Map
from arena.experiments.map.results import FINISHED, Cell
from arena.experiments.outcome import Outcome
from arena.experiments.progress import Progress
from arena.experiments.verdict import Verdict
from arena.runs.display import command, duration, show_line, show_table, table_of, terminal

SHADES = {
    Verdict.CONVERGED: "green",
    Verdict.COLLAPSED: "magenta",
    Verdict.DIVERGED: "red",
    Verdict.UNDEFINED: "yellow",
    Verdict.FAILED: "red",
}


def progress(found: Plan, folder: Path, workers: int) -> tuple[Progress, Callable[[int, int, Sequence[Outcome]], None]]:
    """Return the progress of a map, and the function that takes a population, the turns it has played and, once it has ended, its runs."""
    turns = sum(found.config(key).run.turns for key in found.keys)
    seeds = f" × {len(found.seeds)} seeds" if len(found.seeds) > 1 else ""
    what = f"{len(found.x.values)} × {len(found.y.values)} cells{seeds}, in {workers} process{'es' if workers > 1 else ''}"
    name = found.config(found.keys[0]).game.name
    shown = Progress(
        folder, turns, len(found.keys), "runs", f"[bold]{name}[/]: {found.x.name} against {found.y.name}, {what}, into {folder}"
    )
    done: dict[int, int] = {}

    def tell(group: int, turns: int, runs: Sequence[Outcome]) -> None:
        done[group] = max(turns, done.get(group, 0))
        counts = Counter("collapsed" if run.collapsed else run.status for run in runs)
        text = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        kept = shown.kept + len(runs)
        shown.update(sum(done.values()), kept, f"{kept:>6,} of {shown.runs:,} runs   the latest: {text}" if runs else "")

    return shown, tell


def report(found: Map, seconds: float | None = None, console: Console | None = None) -> bool:
    """Print a table of the cells, the best one as a command, and the paths of all files; return whether a run succeeded."""
    console = console or terminal()

    line = functools.partial(show_line, console)
    show_table(console, table(found))
    for status in ("undefined", "failed"):
        reasons = Counter(run.reason for run in found.runs.values() if run.status == status)
        for reason, _ in reasons.most_common(1):
            line(status, f"{reasons.total():,} of {len(found.runs):,} runs, such as: {reason}")
    if (best := found.best) is not None:
        line("best", play_command(best_config(found, best)))
    line("picture", str(found.picture))
    if found.table.is_file():
        line("table", str(found.table))
        line("replay", f"{command('arena')} map --config {found.folder / 'config.yaml'}")
    if seconds is not None:
        line("took", duration(seconds))
    return any(run.status != "failed" for run in found.runs.values())


def table(found: Map) -> Table:
    """Return a table with one row for each verdict: the number of cells, and the best of them."""
    real = [] if found.ceiling is None else ["× real data"]
    made = table_of(["cells"], ["", "share", "lowest score", *real, found.plan.x.name, found.plan.y.name])
    cells = found.cells
    for verdict in (*Verdict, FINISHED):
        own = [cell for cell in cells if cell.verdict == verdict]
        if not own:
            continue
        low = min((cell for cell in own if cell.score == cell.score), key=lambda cell: cell.score, default=None)
        shade = SHADES.get(verdict, "default")
        row = [f"[{shade}]{verdict}[/]", f"{len(own):,}", f"{len(own) / len(cells):.1%}", "–" if low is None else f"{low.score:.4g}"]
        if found.ceiling is not None:
            row.append("–" if low is None else f"{low.score / found.ceiling:.2f}")
        made.add_row(*row, *(["–", "–"] if low is None else [str(low.x), str(low.y)]))
    return made


def best_config(found: Map, cell: Cell) -> Config:
    """Return the configuration of a cell with the first seed."""
    return found.plan.config((cell.x, cell.y, found.plan.seeds[0]))
