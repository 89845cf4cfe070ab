"""The tables of experiments: CSV files that are replaced as a whole, so that none is ever torn."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.trace.writing import write_whole


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write rows by column; None and missing values are empty cells.

    Args:
        path: of the file.
        rows: values by column.
        columns: names that come first; the others follow in the order in which rows have them.

    Raises:
        OSError: if the file cannot be written; the former one is kept.
    """
    write_whole(path, csv_of(rows, columns))


def csv_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Return the text that `write_csv` writes."""
    names = dict.fromkeys([*columns, *(name for row in rows for name in row)])
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(names), restval="")
    writer.writeheader()
    writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    return text.getvalue()
