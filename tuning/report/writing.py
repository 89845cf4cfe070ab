"""Writes the report of a sweep into its folder: tables, pictures, the best configuration, and TensorBoard's HParams."""

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from arena.experiments.ledger import TrialRecord
from arena.experiments.tables import write_csv
from arena.plots.style import save
from arena.tuning.plan import Sweep
from arena.tuning.played import best
from arena.tuning.report.importance import METHODS
from arena.tuning.report.sensitivity import Findings, examine


def write_report(sweep: Sweep, folder: Path, records: Sequence[TrialRecord]) -> Findings | None:
    """Examine the trials and write the findings; return them, or None if there are too few trials."""
    from arena.tuning.report import figures, hparams

    rows = [dict(_row(sweep, record)) for record in records]
    write_csv(folder / "trials.csv", rows, ["trial"])
    _write_parquet(folder / "trials.parquet", rows)
    if (found_best := best(records)) is not None:
        config = sweep.config(found_best.point, sweep.options.seeds[0])
        (folder / "best.yaml").write_text(config.dump(), encoding="utf-8")
    hparams.write(sweep, folder, records)
    found = examine(sweep, records)
    if found is not None:
        write_csv(folder / "importance.csv", list(_importance_rows(found)))
        write_csv(folder / "tolerance.csv", list(_tolerance_rows(found)))
        for name, made in figures.all_of(sweep, records, found):
            save(made, folder / f"{name}.png")
    return found


def _row(sweep: Sweep, record: TrialRecord) -> Iterator[tuple[str, Any]]:
    yield from (("trial", record.number), ("status", record.status), ("verdict", record.verdict))
    yield from record.values.items()
    yield from ((name, record.point.get(name)) for name in sweep.space.names)
    by_seed = {play.seed: play for play in record.runs}
    for seed in sweep.options.seeds:
        play = by_seed.get(seed)
        yield from (
            (f"value.{seed}", play and play.value),
            (f"score.{seed}", play and play.score),
            (f"verdict.{seed}", play and play.verdict),
        )
    yield from (("cost", record.cost), ("seconds_taken", record.seconds), ("overhead", record.overhead), ("retry_of", record.retry_of))
    yield from (("resumed", record.resumed), ("reason", record.reason))


def _importance_rows(found: Findings) -> Iterator[dict[str, Any]]:
    for kind, importance in (("setting", found.importance), ("derived", found.derived)):
        for name, by_method in importance.items():
            for method in METHODS:
                own = by_method[method]
                yield {"kind": kind, "name": name, "method": method, "share": own.value, "low": own.low, "high": own.high}
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
    beside = path.with_suffix(".parquet.new")
    pyarrow.parquet.write_table(pyarrow.table(plain), beside)
    beside.replace(path)
