"""The report of a sweep in the terminal."""

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.table import Table

from arena.experiments.ledger import TrialRecord
from arena.experiments.progress import Progress
from arena.experiments.table import failures
from arena.experiments.trials import Trials
from arena.experiments.values import short
from arena.runs.display import command, duration, show_line, table_of, terminal
from arena.runs.folders import disk_errors
from arena.trace.writing import write_whole
from arena.tuning.plan import Sweep
from arena.tuning.played import front_of
from arena.tuning.report.importance import METHODS
from arena.tuning.report.sensitivity import Findings
from arena.tuning.space import Space

REPORT = "report.txt"


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


def show(space: Space, trials: Trials, found: Findings | None, folder: Path, seconds: float | None = None) -> bool:
    """Print the findings, the best point as a command, and the paths of all files; return whether a trial succeeded.

    The same is written into `report.txt`.

    Args:
        space: of the points.
        trials: of the experiment.
        found: the findings; None if there are too few trials.
        folder: of the report.
        seconds: duration of the experiment.
    """
    out = terminal()
    out.record = True

    line = functools.partial(show_line, out, width=14)
    if found is None:
        line("too few", f"{len(trials.records)} trials are too few for a report on the settings")
    else:
        out.print(_table(found, found.importance, "matters"))
        if found.derived:
            out.print(_table(found, found.derived, "matters, as mean and ratio"))
        line("(n of N)", "the importance is over n trials of N, those in which the setting exists" if found.active else "")
        for name in found.importance:
            if name in found.curves:
                line("tolerance" if name == next(iter(found.importance)) else "", f"{name}: {found.curves[name].told(space[name])}")
        for (a, b), share in [*found.interactions.items()][:2]:
            line("together", f"{a} and {b}: {share:.0%} of what settings explain is neither's alone")
        if found.settings is not None:
            among = f"; among the best quarter {found.among_best}" if found.among_best is not None else ""
            line("settings", f"explain {found.settings} of the variance, the seeds the rest{among}")
    counts = Counter(r.verdict for r in trials.records)
    line("points", ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    line("failed", failures(trials.records))
    for warning in found.warnings if found is not None else []:
        line("careful", warning)
    if (best := trials.best) is not None:
        label = " (uses labels)" if trials.uses_oracle else ""
        real = f", real data {trials.ceiling:.3g}" if trials.ceiling else ""
        line(
            "best",
            f"{best.value:.4g} by {next(iter(best.values))}{label}{real}: " + " ".join(f"{n}={short(v)}" for n, v in best.point.items()),
        )
        line("replay", f"{command('arena')} play --config {folder / 'best.yaml'}")
    if len(trials.objectives) > 1:
        for record in sorted(front_of(trials.records), key=lambda record: record.value):
            line("front", " ".join(f"{n}={v:.4g}" for n, v in record.values.items()) + f"  trial {record.number}")
    line("pictures", " ".join(path.name for path in sorted(folder.glob("*.png"))))
    line("folder", str(folder))
    if seconds is not None:
        line("took", duration(seconds))
    with disk_errors("the report", folder):
        write_whole(folder / REPORT, out.export_text())
    return any(record.status != "failed" for record in trials.records)


def _table(found: Findings, importance: Mapping[str, Mapping[str, object]], title: str) -> Table:
    made = table_of([title], METHODS)
    for name, by_method in importance.items():
        made.add_row(found.label(name), *(str(by_method[method]) for method in METHODS))
    return made
