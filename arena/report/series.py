"""Numbers of a trace as the charts of a page read them: rounded to five digits, and thinned without losing extremes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

MOST = 3000
"""Points of a series; of a longer one the lowest and the highest of each bucket are kept."""
Rows = Sequence[Mapping[str, Any]]


def rounded(value: float | None) -> float | None:
    """Return a number with five digits; None if it is not finite.

    Example:
        >>> rounded(0.123456789), rounded(float("nan"))
        (0.12346, None)
    """
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")


def points(rows: Rows, name: str, at: str = "turn") -> tuple[list[Any], list[float | None]]:
    """Return the turns at which a number was recorded, and its values."""
    there = [(row[at], row[name]) for row in rows if name in row and row.get(at) is not None]
    return thinned([x for x, _ in there], [y for _, y in there])


def thinned(x: Sequence[Any], y: Sequence[float | None], most: int = MOST) -> tuple[list[Any], list[float | None]]:
    """Return at most about `most` points: of each bucket of successive points the lowest and the highest, in order.

    Example:
        >>> thinned([0, 1, 2, 3, 4, 5, 6, 7], [0.0, 9.0, 1.0, 2.0, 3.0, -4.0, 5.0, 6.0], most=4)
        ([0, 1, 5, 7], [0.0, 9.0, -4.0, 6.0])
    """
    if len(x) <= most:
        return [*x], [rounded(value) for value in y]
    size, kept = math.ceil(2 * len(x) / most), set[int]()
    for start in range(0, len(x), size):
        bucket = range(start, min(start + size, len(x)))
        finite = [i for i in bucket if y[i] is not None] or [bucket[0]]
        kept |= {min(finite, key=lambda i: y[i] or 0.0), max(finite, key=lambda i: y[i] or 0.0)}
    return [x[i] for i in sorted(kept)], [rounded(y[i]) for i in sorted(kept)]


def series(rows: Rows, name: str, label: str, colour: str = "", **options: Any) -> dict[str, Any] | None:
    """Return a line of a chart, with a band if its quantiles are recorded; None if it was never recorded.

    Args:
        rows: Turns of a trace.
        name: Field of the rows.
        label: Name in the legend.
        colour: Name of a colour of the page.
        options: Of the line, such as `dash`.
    """
    x, y = points(rows, f"{name}_mean" if any(f"{name}_mean" in row for row in rows) else name)
    if all(value is None for value in y):
        return None
    line = {"name": label, "field": name, "x": x, "y": y, **({"colour": colour} if colour else {}), **options}
    banded = [row for row in rows if row.get(f"{name}_low") is not None and row.get(f"{name}_high") is not None]
    if banded:
        step = math.ceil(2 * len(banded) / MOST)
        low, high = ([rounded(row[f"{name}_{side}"]) for row in banded[::step]] for side in ("low", "high"))
        line |= {"bx": [row["turn"] for row in banded[::step]], "low": low, "high": high}
    return line


def panel(title: str, lines: Sequence[dict[str, Any] | None], **options: Any) -> dict[str, Any] | None:
    """Return a chart of the lines that there are; None if there are none.

    Its scale is logarithmic if all values are above 0 and their ratio is above 20, unless `log` says otherwise.
    """
    there = [line for line in lines if line is not None]
    if not there:
        return None
    values = [value for line in there for name in ("y", "low", "high") for value in line.get(name, ()) if value is not None]
    log = bool(values) and min(values) > 0 and max(values) > 20 * min(values)
    return {"title": title, "series": there, "log": log, **options}


def axes(rows: Rows, roles: Sequence[str]) -> dict[str, list[Any]]:
    """Return by name the quantities that can stand on the horizontal axis, at the same rows: turns, moves and gradient evaluations."""
    names = ["gradient_evaluations", *(f"{role}.moves" for role in roles)]
    there = [row for row in rows if all(row.get(name) is not None for name in names)]
    there = there[:: max(1, len(there) // MOST)] + (there[-1:] if len(there) > MOST else [])
    if len(there) < 2:
        return {"turn": [row["turn"] for row in rows]}
    found = {"turn": [row["turn"] for row in there], **{name: [row[name] for row in there] for name in names}}
    return found | {"moves": [sum(row[f"{role}.moves"] for role in roles) for row in there]}


def alarms(rows: Rows, last: int) -> list[dict[str, Any]]:
    """Return the stretches of turns in which alarms were raised: name, reason, `from` and `to`.

    Example:
        >>> raised = {"kind": "alarm", "turn": 10, "alarm": "stall", "raised": True, "reason": "the score stands still"}
        >>> alarms([raised, {"kind": "alarm", "turn": 30, "alarm": "stall", "raised": False}, raised], 50)[1]
        {'name': 'stall', 'reason': 'the score stands still', 'from': 10, 'to': 50}
    """
    open_, found = dict[str, dict[str, Any]](), []
    for row in rows:
        if row["kind"] != "alarm":
            continue
        if row["raised"]:
            open_[row["alarm"]] = {"name": row["alarm"], "reason": row.get("reason", ""), "from": row["turn"], "to": last}
            found.append(open_[row["alarm"]])
        elif row["alarm"] in open_:
            open_.pop(row["alarm"])["to"] = row["turn"]
    return found
