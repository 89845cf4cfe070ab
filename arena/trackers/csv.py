"""The rows of a run as a table of comma-separated values, for spreadsheets and pandas.

Its columns are the numbers in the order in which they first appear. A new one rewrites the file, which happens in the first rows only.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from arena.trace.writing import write_whole
from arena.trackers.base import Started, Tracker


class Csv(Tracker):
    """The rows of a run in `trace.csv`, one column for each number."""

    def on_begin(self, run: Started) -> None:
        self._file, self._columns = run.folder / "trace.csv", ["turn"]
        rows = self._read() if run.resumed else []
        self._columns = [*rows[0]] if rows else self._columns
        self._rewrite(row for row in rows if int(row["turn"]) <= run.turn)

    def on_look(self, row: Mapping[str, Any]) -> None:
        new = [name for name in row if name not in self._columns and name != "kind"]
        if new:
            rows = self._read()
            self._columns += new
            self._rewrite(rows)
        with self._file.open("a", newline="", encoding="utf-8") as file:
            self._writer(file).writerow(row)

    def _writer(self, file: Any) -> "csv.DictWriter[str]":
        return csv.DictWriter(file, self._columns, restval="", extrasaction="ignore", lineterminator="\n")

    def _read(self) -> list[dict[str, str]]:
        if not self._file.exists():
            return []
        with self._file.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.DictReader(file) if str(row.get("turn")).isdigit()]

    def _rewrite(self, rows: Iterable[Mapping[str, str]]) -> None:
        text = io.StringIO()
        writer = self._writer(text)
        writer.writeheader()
        writer.writerows(rows)
        write_whole(Path(self._file), text.getvalue())
