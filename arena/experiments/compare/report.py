"""The report of a comparison in the terminal."""

from collections import Counter
from pathlib import Path

from rich.console import Console

from arena.experiments.compare.plan import Job, Plan
from arena.experiments.compare.play import Comparison, Tell
from arena.experiments.progress import Progress
from arena.experiments.table import show
from arena.runs.display import command, duration, show_line, terminal


def progress(found: Plan, folder: Path) -> tuple[Progress, Tell]:
    """Return the progress of a comparison in turns, and the function that takes runs on their way and at their ends."""
    jobs, done, ended = found.jobs, dict[str, int](), Counter[str]()
    variants = len({job.variant for job in jobs})
    what = f"{variants} variant{'s' * (variants > 1)}" + (f" × {len(jobs) // variants} seeds" if len(jobs) > variants else "")
    shown = Progress(folder, sum(job.settings["turns"] for job in jobs), len(jobs), "runs", f"[bold]{found.game}[/]: {what}, into {folder}")

    def tell(job: Job, status: str, turns: int) -> None:
        done[job.folder] = max(turns, done.get(job.folder, 0))
        ended.update([status] if status else [])
        line = f"{status:<12}{job.variant}, seed {job.seed}" if status else ""
        shown.update(sum(done.values()), ended.total(), line)

    return shown, tell


def report(found: Comparison, seconds: float | None = None, console: Console | None = None) -> bool:
    """Print the table and the paths of all files; return whether a run succeeded."""
    console = console or terminal()
    show(found.trials, console=console)
    for picture in found.pictures:
        show_line(console, "picture", str(picture))
    for name in ["comparison.csv"] if found.own_table is None else ["table.md", "comparison.csv"]:
        show_line(console, "table", str(found.folder / name))
    show_line(console, "look", f"{command('arena')} tensorboard {found.folder}")
    if seconds is not None:
        show_line(console, "took", duration(seconds))
    return any(run.status != "failed" for summary in found.summaries for run in summary.outcomes)
