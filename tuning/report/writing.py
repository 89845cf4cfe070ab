"""Writes the sensitivity report of an experiment: tables, pictures, the best configuration, and TensorBoard's HParams."""

import dataclasses
import importlib.util
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from arena.errors import ArenaError
from arena.experiments import hparams
from arena.experiments.ledger import TrialRecord
from arena.experiments.tables import write_csv
from arena.experiments.trials import Trials, trials_of
from arena.plots.style import save
from arena.runs.folders import disk_errors
from arena.runs.locks import locked
from arena.trace.writing import folder_in, write_whole
from arena.tuning.plan import PLAN
from arena.tuning.report.importance import METHODS
from arena.tuning.report.sensitivity import FEWEST, Findings, examine
from arena.tuning.space import Space, parse_space, space_of


def write_report(space: Space, trials: Trials, folder: Path) -> Findings | None:
    """Examine the trials and write the findings; return them, or None if there are too few trials."""
    from arena.tuning.report import figures

    with disk_errors("the report", trials.folder), locked(folder / "report.lock"):
        rows = [dict(_row(trials, record)) for record in trials.records]
        write_csv(folder / "trials.csv", rows, ["trial"])
        _write_parquet(folder / "trials.parquet", rows)
        if (best := trials.best) is not None:
            write_whole(folder / "best.yaml", trials.config(best.point, best.runs[0].seed).dump())
        hparams.write(folder, trials.records)
        found = examine(space, trials)
        if found is not None:
            write_csv(folder / "importance.csv", list(_importance_rows(found)))
            write_csv(folder / "tolerance.csv", list(_tolerance_rows(found)))
            for name, made in figures.all_of(space, trials, found):
                save(made, folder / f"{name}.png")
    return found


def report(folder: Path, names: Sequence[str] = ()) -> None:
    """Write and print the sensitivity report of an experiment's folder.

    The report of a sweep is in the sweep's own folder, over its own space. Any other is in a folder `sensitivity/` within that of the
    experiment, of which it replaces no file, and is over the values that were played.

    Args:
        folder: of the experiment.
        names: of the settings; none takes all.

    Raises:
        ArenaError: if there are too few trials, or no setting varied.
    """
    from arena.tuning.report.terminal import show

    trials = trials_of(folder, names)
    if names:  # each is reported where it exists
        trials = dataclasses.replace(trials, records=[record for record in trials.records if {*names} & {*record.point}])
    if len(trials.ended) < FEWEST:
        raise ArenaError(f"of {folder}, {len(trials.ended)} points were played to their ends. Expected at least {FEWEST} for this report")
    swept = (folder / PLAN).is_file() and not names
    space = parse_space(trials.vary) if swept else space_of(trials, names)
    out = folder if swept else folder / "sensitivity"
    with disk_errors("the report", folder):
        folder_in(out.parent, out.name)
    show(space, trials, write_report(space, trials, out), out)


def _row(trials: Trials, record: TrialRecord) -> Iterator[tuple[str, Any]]:
    yield from (("trial", record.number), ("status", record.status), ("verdict", record.verdict))
    yield from record.values.items()
    yield from ((name, record.point.get(name)) for name in trials.vary)
    by_seed = {run.seed: run for run in record.runs}
    for seed in trials.seeds:
        run = by_seed.get(seed)
        yield from ((f"{name}.{seed}", run and getattr(run, name)) for name in ("value", "score", "verdict"))
    yield from (("cost", record.cost), ("seconds_taken", record.seconds), ("overhead", record.overhead), ("retry_of", record.retry_of))
    yield from (("resumed", record.resumed), ("reason", record.why))


def _importance_rows(found: Findings) -> Iterator[dict[str, Any]]:
    for kind, importance in (("setting", found.importance), ("derived", found.derived)):
        for name, by_method in importance.items():
            for method in METHODS:
                own = by_method[method]
                row = {"kind": kind, "name": name, "method": method, "share": own.value, "low": own.low, "high": own.high}
                yield row | {"trials": found.active.get(name, found.trials)}
    for (a, b), share in found.interactions.items():
        yield {"kind": "interaction", "name": f"{a} × {b}", "method": "process", "share": share, "low": None, "high": None}
    for kind, interval in (("all", found.settings), ("best quarter", found.among_best)):
        if interval is not None:
            row = {"kind": "variance", "name": f"settings, {kind}", "method": "random effects"}
            yield {**row, "share": interval.value, "low": interval.low, "high": interval.high}


def _tolerance_rows(found: Findings) -> Iterator[dict[str, Any]]:
    for curve in found.curves.values():
        for i, value in enumerate(curve.values):
            row = {"name": curve.name, "value": value, "expected": curve.expected[i], "low": curve.low[i], "high": curve.high[i]}
            yield {**row, "best": curve.best, "from": curve.within[0], "to": curve.within[1]}


def _write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a Parquet file, if pyarrow is installed, which comes with Ray."""
    if not rows or importlib.util.find_spec("pyarrow") is None:
        return
    import pyarrow
    import pyarrow.parquet

    columns = {name: [row[name] for row in rows] for name in rows[0]}
    plain = {
        n: [str(v) if v is not None else None for v in c] if len({type(v) for v in c if v is not None}) > 1 else c
        for n, c in columns.items()
    }
    content = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(plain), content)
    write_whole(path, content.getvalue())
