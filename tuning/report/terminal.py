"""The report of a sweep in the terminal."""

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from arena.experiments.ledger import TrialRecord
from arena.experiments.progress import Progress
from arena.experiments.values import short
from arena.runs.display import command, duration, show_line, table_of, terminal
from arena.tuning.plan import Sweep
from arena.tuning.played import Played
from arena.tuning.report.importance import METHODS


def progress(found: Sweep, folder: Path) -> tuple[Progress, Callable[[TrialRecord], None]]:
    """Return the progress of a sweep, and the function that takes each trial that ends."""
    options, records = found.options, dict[int, TrialRecord]()
    what = f"{found.count} points × {len(options.seeds)} seeds by {options.backend} ({options.sampler}, pruner {options.pruner})"
    heads = f"[bold]{found.base().game.name}[/]: {', '.join(found.space.names)}", f"{what}, {found.budget:,.0f} gradient evaluations a run"
    shown = Progress(folder, found.count, found.count, "trials", heads[0], f"{heads[1]}, into {folder}")

    def tell(record: TrialRecord) -> None:
        records[record.number] = record
        whole = [r.value for r in records.values() if r.status == "finished"]
        done = sum(r.status != "lost" for r in records.values())
        best = f"best {min(whole):.4g}" if whole else "best –"
        point = " ".join(f"{name}={short(value)}" for name, value in record.point.items())
        shown.update(
            done, done, f"{done:>5,} of {found.count:,}   {record.value:<9.4g} {record.verdict:<14} {point}   {best}", f"   {best}"
        )

    return shown, tell


def show(played: Played, seconds: float | None = None, to: Console | None = None) -> None:
    """Print the findings, the best point as a command, and the paths of all files."""
    out = to or terminal()

    line = functools.partial(show_line, out, width=14)
    found, space = played.findings, played.sweep.space
    if found is None:
        line("too few", f"{len(played.records)} trials are too few for a report on the settings")
    else:
        out.print(_table(found.importance, "matters"))
        if found.derived:
            out.print(_table(found.derived, "matters, as mean and ratio"))
        for name in found.importance:
            if name in found.curves:
                line("tolerance" if name == next(iter(found.importance)) else "", f"{name}: {found.curves[name].told(space[name])}")
        for (a, b), share in [*found.interactions.items()][:2]:
            line("together", f"{a} and {b}: {share:.0%} of what settings explain is neither's alone")
        if found.settings is not None:
            among = f"; among the best quarter {found.among_best}" if found.among_best is not None else ""
            line("settings", f"explain {found.settings} of the variance, the seeds the rest{among}")
    counts = Counter(r.verdict for r in played.records)
    line("points", ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    for warning in found.warnings if found is not None else []:
        line("careful", warning)
    if (best := played.best) is not None:
        label = " (uses labels)" if played.sweep.uses_oracle else ""
        real = f", real data {played.sweep.ceiling:.3g}" if played.sweep.ceiling else ""
        line(
            "best",
            f"{best.value:.4g} by {next(iter(best.values))}{label}{real}: " + " ".join(f"{n}={short(v)}" for n, v in best.point.items()),
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
    made = table_of(title, *METHODS)
    for name, by_method in importance.items():
        made.add_row(name, *(str(by_method[method]) for method in METHODS))
    return made
