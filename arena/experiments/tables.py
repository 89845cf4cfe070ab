"""The tables of experiments: CSV files that are replaced as a whole, so that none is ever torn."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write rows by column; None and missing values are empty cells.

    Args:
        path: of the file.
        rows: values by column.
        columns: names that come first; the others follow in the order in which rows have them.

    Raises:
        OSError: if the file cannot be written; the former one is kept.
    """
    names = dict.fromkeys([*columns, *(name for row in rows for name in row)])
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(names), restval="")
        writer.writeheader()
        writer.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
