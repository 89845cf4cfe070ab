"""Runs laid over each other: the curves of each variant with the spread over its seeds, and pictures at equal turns."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.experiments.compare.results import spent
from arena.report.images import embedded, evenly, turns_of_pictures
from arena.report.page import Page, Panel
from arena.report.run import RunReport
from arena.report.series import Rows, panel, rounded, thinned

MOST_PICTURES = 24
"""Pictures on a sheet."""


def overlay(runs: Sequence[RunReport]) -> Page:
    """Return the page of runs that were not planned together."""
    names = [*dict.fromkeys(run.name for run in runs)]
    page = Page(" and ".join(names[:3]) + (" …" if len(names) > 3 else ""), f"{len(runs)} runs side by side")
    labels = _labels(runs)
    page.notes([f"{label}: {note}" for label, run in zip(labels, runs, strict=True) for note in run.notes])
    heads = ["run", "game", "score", "real data", "best", "turns", "verdict", "status"]
    rows = []
    for label, run in zip(labels, runs, strict=True):
        last = {name: value for row in run.rows for name, value in row.items() if value is not None}
        score = None if run.end.get("status") == "diverged" else last.get("score")
        numbers = [score, run.ceiling, last.get("best"), last.get("turn")]
        rows.append([label, run.name, *numbers, str(run.verdict), run.end.get("status", "unfinished")])
    page.table(heads, rows)
    different = _different(runs)
    if different:
        page.heading("Settings that differ")
        page.table(["setting", *labels], different, sortable=False)
    page.heading("Curves")
    variants = {label: [run.rows] for label, run in zip(labels, runs, strict=True)}
    page.charts(curves(variants, runs[0].ceiling, runs[0].score_name), "Products with the Jacobian count as three gradient evaluations.")
    sheet_of_runs(page, {label: run.folder for label, run in zip(labels, runs, strict=True)})
    return page


def curves(variants: Mapping[str, Sequence[Rows]], ceiling: float | None, score: str) -> list[Panel]:
    """Return charts of the score and of what the players record, against gradient evaluations.

    Args:
        variants: For each variant the turns of the traces of its seeds.
        ceiling: Score of real data.
        score: Name of the score.
    """
    recorded = dict.fromkeys(name for traces in variants.values() for rows in traces for row in rows[-3:] for name in row)
    wanted = [
        name for name in recorded if name.endswith((".loss", ".gradient_norm", ".update_norm")) or name.startswith(("game.", "metrics."))
    ]
    levels = [{"name": "real data", "y": rounded(ceiling)}] if ceiling is not None else []
    first = [_curve(label, traces, "score", place) for place, (label, traces) in enumerate(variants.items())]
    found = [panel(f"score: {score} (lower is better)", first, levels=levels, wide=True, tall=True, x="gradient evaluations")]
    real = {
        name: value for traces in variants.values() for rows in traces for row in rows for name, value in row.items() if "ceilings." in name
    }
    for name in wanted:
        lines = [_curve(label, traces, name, place) for place, (label, traces) in enumerate(variants.items())]
        best = real.get(name.replace("metrics.", "ceilings."))
        levels = [{"name": "real data", "y": rounded(best)}] if best is not None else []
        found.append(panel(name.replace("game.", "").replace("metrics.", "").replace("_", " "), lines, levels=levels, bare=True))
    return [made for made in found if made is not None]


def sheet_of_runs(page: Page, folders: Mapping[str, Path]) -> None:
    """Add the pictures of runs at equal turns, as far as they have some in common, else their last ones with their turns."""
    turns = {label: set(turns_of_pictures(folder)) for label, folder in folders.items()}
    common = sorted(set.intersection(*turns.values())) if turns else []
    frames, last = [], []
    for turn in evenly(common, max(1, MOST_PICTURES // max(1, len(folders)))):
        images = [_picture(folder, turn, label) for label, folder in folders.items()]
        if all(images):
            frames.append({"turn": turn, "images": images})
    if not frames:
        last = [(label, max(own, default=0)) for label, own in turns.items()]
        pictures = [(f"{label}, turn {turn:,}", _picture(folders[label], turn, label)) for label, turn in last[:MOST_PICTURES]]
        if any(picture for _, picture in pictures):
            page.heading("Pictures of the last turns")
            page.sheet([(title, picture) for title, picture in pictures if picture])
        return
    page.heading("Pictures at equal turns" if len(frames) > 1 else f"Pictures in turn {frames[0]['turn']:,}")
    page.strip([*folders], frames)


def _picture(folder: Path, turn: int, label: str) -> dict[str, Any] | None:
    try:
        return {"src": embedded(folder / "pictures" / f"turn-{turn:08d}.png", 520), "alt": f"{label} after {turn:,} turns"}
    except OSError:
        return None


def _curve(label: str, traces: Sequence[Rows], name: str, place: int) -> dict[str, Any] | None:
    """Return the mean over the seeds at the evaluations that all of them recorded, with a band from the lowest to the highest."""
    found = [{spent(row): row[name] for row in rows if row.get(name) is not None and "products" in row} for rows in traces]
    shared = sorted(set.intersection(*(set(own) for own in found))) if found else []
    if not shared:
        return None
    columns = [[own[x] for own in found] for x in shared]
    x, y = thinned(shared, [statistics.fmean(values) for values in columns])
    line: dict[str, Any] = {"name": label, "x": x, "y": y, "colour": f"c{place % 8}", "dash": place >= 8}
    if len(traces) > 1:
        by_x = dict(zip(shared, columns, strict=True))
        line |= {"bx": x, "low": [rounded(min(by_x[at])) for at in x], "high": [rounded(max(by_x[at])) for at in x]}
    return line


def _labels(runs: Sequence[RunReport]) -> list[str]:
    """Return the folders without what they share."""
    names = [run.folder.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder) for run in runs]


def _different(runs: Sequence[RunReport]) -> list[list[str]]:
    """Return the settings in which runs differ, with the value of each."""
    flat = [run.config.flat() if run.config else {} for run in runs]
    names = dict.fromkeys(name for own in flat for name in own)
    rows = [[name, *(str(own.get(name, "–")) for own in flat)] for name in names]
    return [row for row in rows if len(set(row[1:])) > 1]
