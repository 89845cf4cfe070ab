"""The report of an experiment of any kind: its table, and its values over the settings that varied."""

import contextlib
import csv
import io
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.config.play_command import RECORDING, play_command
from arena.errors import ArenaError, typed
from arena.experiments.ledger import TrialRecord
from arena.experiments.trials import Trials, trials_of
from arena.experiments.values import word_of
from arena.experiments.verdict import Verdict
from arena.report.page import Page, Panel, number
from arena.report.run import KIND
from arena.report.series import rounded
from arena.runs.display import command
from arena.trace.reading import read_text

MARKS = {
    Verdict.DIVERGED: ("diamond", "bad"),
    Verdict.COLLAPSED: ("triangle", "c3"),
    Verdict.NOWHERE: ("rect", "c4"),
    Verdict.FAILED: ("pin", "bad"),
}
"""Verdicts that have a mark of their own on maps; all others are dots coloured by value."""
LEVELS = 40
"""Largest number of different values of a setting that are cells of a map."""


def page(folder: Path) -> Page:
    """Return the page of a map or a sweep.

    Raises:
        ArenaError: If the folder is no experiment, or nothing has ended.
    """
    trials = trials_of(folder)
    made = head(trials, folder)
    varied = [name for name in trials.vary if len({word_of(record.point[name]) for record in trials.ended if name in record.point}) > 1]
    _importance(made, folder)
    if len(varied) >= 2 and len(trials.ended) > 3:
        made.heading(f"{_what(trials).capitalize()} over two settings")
        planes = [_plane(trials, varied[i], varied[j]) for i in range(len(varied)) for j in range(i + 1, len(varied))][:6]
        made.charts([{**plane, "wide": len(planes) == 1} for plane in planes])
    if varied and len(trials.ended) > 3:
        made.heading(f"{_what(trials).capitalize()} over each setting")
        made.charts([_slice(trials, name) for name in varied], "One dot for each point: the value over its seeds.")
    if len(varied) > 1 and len(trials.ended) > 3:
        made.heading("All settings at once")
        made.charts([_parallel(trials, varied)], "One line for each point, coloured by its value. Drag along an axis to choose lines.")
    made.heading("Trials")
    table(made, trials, own=False)
    made.heading("Commands")
    made.commands(commands(trials, folder))
    return made


def head(trials: Trials, folder: Path) -> Page:
    """Return a page with the name of an experiment and its numbers."""
    made = Page(f"{trials.base.game.name}: {', '.join(trials.vary) or 'seeds'}", str(folder))
    seeds, best = len(trials.seeds), trials.best
    unfinished = sum(not record.whole and record.status not in ("undefined", "failed", "pruned") for record in trials.records)
    chips = [("points" if trials.vary else "point", f"{len(trials.records):,}", ""), ("seeds" if seeds > 1 else "seed", f"{seeds:,}", "")]
    if best is not None:
        ratio = f" · {best.value / trials.ceiling:.2f} × real data" if trials.ceiling and trials.objectives[0] == "score" else ""
        over = f" over {seeds} seeds" if seeds > 1 else ""
        chips.append((f"best {trials.axis_names[0]}{over}{ratio}", number(best.value), "good"))
    counts = {word: sum(record.verdict == word for record in trials.ended) for word in {r.verdict: None for r in trials.ended}}
    chips += [(word, f"{count:,}", KIND.get(word, "") if word in list(Verdict) else "") for word, count in counts.items()]  # type: ignore[call-overload]
    made.chips(chips)
    fix = f"{command('arena')} resume {typed(folder)}"
    made.notes([f"{unfinished} of {len(trials.records)} points have not been played to their ends. Fix: {fix}"] if unfinished else [])
    if best is not None and trials.vary:
        made.text(f"Best: {_point(best)}." + (" It is chosen by a score that uses target labels." if trials.uses_oracle else ""), "lead")
    return made


def table(made: Page, trials: Trials, *, own: bool = True) -> None:
    """Add the table of the trials; if `own`, after that of the game's literature."""
    if own and trials.own_table is not None:
        made.table(trials.own_table.head, trials.own_table.rows, caption=" ".join(trials.own_table.notes))
    several = len(trials.seeds) > 1
    values = [name for name in trials.objectives if name != "score"]
    heads = [*trials.vary, *values, "score (mean)" if several else "score", *(["SD"] if several else [])]
    heads += [*(["× real data"] if trials.ceiling else []), "gradient evaluations", "verdicts", "why it stopped"]
    rows = []
    for record in trials.records:
        scores = [run.score for run in record.runs] if record.whole else []
        whole = [score for score in scores if score is not None]
        mean = statistics.fmean(whole) if whole and len(whole) == len(scores) else None
        spread = [(statistics.stdev(whole) if len(whole) > 1 else 0.0) if mean is not None else None] if several else []
        ratio = [mean / trials.ceiling if mean is not None else None] if trials.ceiling else []
        settings = [_shown(record.point.get(name)) for name in trials.vary]
        told = [record.values[name] if record.whole else None for name in values]
        cost = record.cost / len(record.runs) or None if record.whole and record.runs else None
        rows.append([*settings, *told, mean, *spread, *ratio, cost, record.verdicts, record.why])
    heads, rows = _filled(heads, rows)
    best = [place for place, record in enumerate(trials.records) if record is trials.best]
    made.table(heads, rows, marked=best, caption=_CAPTION)


def commands(trials: Trials, folder: Path) -> dict[str, str]:
    """Return commands that go on from an experiment."""
    arena, found = command("arena"), {}
    if (folder / "best.yaml").is_file():
        found["play the best"] = f"{arena} play --config {typed(folder / 'best.yaml')}"
    elif trials.best is not None and trials.vary:
        best = trials.config(trials.best.point, trials.seeds[0])
        found["play the best"] = play_command(best, leave_out=RECORDING).replace("arena", arena, 1)
    found["continue it"] = f"{arena} resume {typed(folder)}"
    return found | {"look closer": f"{command('arena')} tensorboard {typed(folder)}"}


def _importance(made: Page, folder: Path) -> None:
    """Add the importance of the settings, if the experiment's report has found it."""
    with contextlib.suppress(OSError, ValueError, KeyError, ArenaError):
        rows = [*csv.DictReader(io.StringIO(read_text(folder / "importance.csv")))]
        panels = []
        for kind, title in (("setting", "importance of each setting"), ("derived", "the same, with the learning rates' mean and ratio")):
            own = [row for row in rows if row["kind"] == kind]
            names = [*dict.fromkeys(row["name"] for row in own)]
            lines = []
            for place, method in enumerate(dict.fromkeys(row["method"] for row in own)):
                by_name = {row["name"]: row for row in own if row["method"] == method}
                columns = {c: [rounded(float(by_name[n][column])) for n in names] for c, column in _COLUMNS.items()}
                lines.append({"name": method, "colour": ("second", "first")[place % 2], **columns})
            if names:
                panels.append({"kind": "bars", "title": title, "names": names, "series": lines, "percent": True, "tall": True, "max": 1})
        if panels:
            made.heading("What matters")
            made.charts(panels, _SHARES)


_CAPTION = (
    "The marked row has the lowest value: a quantile over its seeds, the median unless the experiment says otherwise. A mean is over all "
    "seeds; it is missing if one has none."
)
_SHARES = "Shares of the importance; whiskers hold nine tenths of the resampled trials. Where they overlap, the order is open."
_COLUMNS = {"y": "share", "low": "low", "high": "high"}


def _plane(trials: Trials, x: str, y: str) -> Panel:
    """Return the value over two settings: cells if both have few values, else dots."""
    there = [record for record in trials.ended if x in record.point and y in record.point]
    values = [(record, _value(record)) for record in there]
    finite = [math.log10(value) for record, value in values if value is not None and value > 0 and record.verdict not in MARKS]
    span = [rounded(min(finite, default=0.0)), rounded(max(finite, default=1.0))]
    options: Panel = {"title": f"{y} over {x}", "x": x, "y": y, "range": span, "logColour": True, "tall": True}
    levels = [sorted({record.point[name] for record in there}, key=_order) for name in (x, y)]
    cells = len({(word_of(r.point[x]), word_of(r.point[y])) for r in there})
    grid = max(map(len, levels)) <= LEVELS and cells >= 0.8 * len(levels[0]) * len(levels[1])
    names = [[word_of(value) for value in own] for own in levels]
    choice = [grid or any(not isinstance(value, (int, float)) or isinstance(value, bool) for value in own) for own in levels]

    def place(record: TrialRecord, axis: int) -> Any:
        value = record.point[(x, y)[axis]]
        return levels[axis].index(value) if choice[axis] else value

    def dot(record: TrialRecord) -> list[Any]:
        value = _value(record)
        colour = rounded(math.log10(value)) if value is not None and value > 0 else None
        return [place(record, 0), place(record, 1), colour, f"{_point(record)}: {number(value)}, {record.verdicts}"]

    marked = [
        {"name": verdict, "symbol": symbol, "colour": colour, "points": points}
        for verdict, (symbol, colour) in MARKS.items()
        if (points := [dot(record) for record in there if record.verdict == verdict])
    ]
    best = [{"name": "best", "symbol": _STAR, "colour": "ink", "size": 18, "points": [dot(r) for r in there if r is trials.best]}]
    plain = [dot(record) for record in there if record.verdict not in MARKS]
    if grid:
        return {**options, "kind": "heat", "xNames": names[0], "yNames": names[1], "cells": plain, "series": [*marked, *best]}
    scales: Panel = {"xNames": names[0] if choice[0] else None, "yNames": names[1] if choice[1] else None}
    scales |= {"logX": not choice[0] and _spans(levels[0]), "log": not choice[1] and _spans(levels[1])}
    return {**options, **scales, "kind": "scatter", "series": [{"name": _PLAYED, "coloured": True, "points": plain}, *marked, *best]}


def _slice(trials: Trials, name: str) -> Panel:
    """Return the value over one setting."""
    there = [record for record in trials.ended if name in record.point and (_value(record) or 0) > 0]
    levels = sorted({record.point[name] for record in there}, key=_order)
    choice = any(not isinstance(value, (int, float)) or isinstance(value, bool) for value in levels)
    series = []
    for group in sorted({_group(record) for record in there}, key=[_PLAYED, *MARKS].index):
        symbol, colour = MARKS.get(group, ("circle", "c0"))  # type: ignore[call-overload]
        own = [record for record in there if _group(record) == group]
        places = [levels.index(record.point[name]) if choice else record.point[name] for record in own]
        told = [f"{_point(record)}: {number(_value(record))}, {record.verdicts}" for record in own]
        points = [[at, rounded(_value(r)), None, text] for at, r, text in zip(places, own, told, strict=True)]
        series.append({"name": group, "symbol": symbol, "colour": colour, "points": points})
    scales = {"xNames": [word_of(value) for value in levels] if choice else None, "logX": not choice and _spans(levels)}
    return {"kind": "scatter", "title": name, "x": name, "log": True, "series": series, **scales}


def _parallel(trials: Trials, names: Sequence[str]) -> Panel:
    """Return parallel coordinates of all settings and the value."""
    there = [record for record in trials.ended if all(name in record.point for name in names) and (_value(record) or 0) > 0]
    axes, columns = [], []
    for name in names:
        levels = sorted({record.point[name] for record in there}, key=_order)
        choice = any(not isinstance(value, (int, float)) or isinstance(value, bool) for value in levels)
        own = {"name": name, "log": not choice and _spans(levels), "names": [word_of(value) for value in levels] if choice else None}
        limits = {} if choice or not levels else {"min": levels[0], "max": levels[-1]}
        axes.append({**own, **limits})
        columns.append([levels.index(r.point[name]) if choice else r.point[name] for r in there])
    values = [_value(record) or 0.0 for record in there]
    axes.append({"name": _what(trials), "log": True, "names": None})
    logs = [rounded(math.log10(value)) for value in values]
    span = [min((v for v in logs if v is not None), default=0.0), max((v for v in logs if v is not None), default=1.0)]
    rows = [[*row, rounded(value), log] for *row, value, log in zip(*columns, values, logs, strict=True)]
    panel = {"kind": "parallel", "title": "parallel coordinates", "tall": True, "wide": True}
    return {**panel, "axes": axes, "rows": rows, "range": span, "logColour": True}


_STAR = "path://M0,-10 L2.9,-3.1 L10,-3.1 L4.4,1.6 L6.2,9 L0,4.9 L-6.2,9 L-4.4,1.6 L-10,-3.1 L-2.9,-3.1 Z"


_PLAYED = "played"


def _group(record: TrialRecord) -> str:
    """Return the verdict on a trial if it has a mark of its own."""
    return record.verdict if record.verdict in MARKS else _PLAYED


def _what(trials: Trials) -> str:
    return trials.axis_names[0]


def _value(record: TrialRecord) -> float | None:
    value = record.value if record.values else None
    return value if value is not None and math.isfinite(value) else None


def _point(record: TrialRecord) -> str:
    return ", ".join(f"{name}={_text(value)}" for name, value in record.point.items()) or "as it is"


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else word_of(value)


def _shown(value: Any) -> Any:
    """Return a setting as a cell: numbers stay numbers, so that the table sorts them."""
    return "–" if value is None else value if isinstance(value, (int, float)) and not isinstance(value, bool) else word_of(value)


def _order(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, (int, float)) and not isinstance(value, bool) else (1, word_of(value))


def _spans(levels: Sequence[Any]) -> bool:
    """Whether numbers want a logarithmic axis."""
    return bool(levels) and levels[0] > 0 and levels[-1] > 20 * levels[0]


def _filled(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return a table without the columns that have nothing in any row."""
    kept = [i for i in range(len(heads)) if any(row[i] not in (None, "") for row in rows)]
    return [heads[i] for i in kept], [[row[i] for i in kept] for row in rows]
