"""A CSV file (commas, semicolons or tabs) with a row for each example: columns of numbers, and a column of labels if there is one.

The first row holds the names of the columns unless one of its fields is a number. An empty field is missing.
"""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

from arena.data.part import Block, Part
from arena.data.table import block_of, chosen
from arena.errors import DataDamaged
from arena.trace.reading import opened

AT_ONCE = 4096
"""Rows of a block."""


def fits(source: object) -> bool:
    return isinstance(source, Path) and source.suffix.lower() in (".csv", ".tsv", ".txt") and source.is_file()


def parts(source: Path) -> dict[str, Part]:
    names: list[str] = []
    words: set[str] = set()
    count, titled = 0, False
    for place, row in enumerate(_rows(source)):
        if place == 0 and not any(map(_is_number, row)):
            titled = True
            names = [name.strip() or f"column {number}" for number, name in enumerate(row, 1)]
            if len(set(names)) < len(names):
                raise DataDamaged(f"{source} has two columns of the same name. Fix: rename one of them")
            continue
        names = names or [f"column {number}" for number in range(1, len(row) + 1)]
        if len(row) != len(names):
            raise DataDamaged(f"row {count} of {source} has {len(row)} fields, but there are {len(names)} columns. Fix: complete it")
        words |= {name for name, text in zip(names, row, strict=True) if name not in words and text and not _is_number(text)}
        count += 1
    if not count:
        raise DataDamaged(f"{source} has no rows. Expected one for each example")
    label, numbers = chosen({name: name in words for name in names}, str(source))

    def blocks() -> Iterator[Block]:
        rows = _rows(source)
        if titled:
            next(rows)
        first = 0
        while some := list(itertools.islice(rows, AT_ONCE)):
            columns = {name: [text or None for text in column] for name, column in zip(names, zip(*some, strict=True), strict=True)}
            if label is not None and None in columns[label]:
                raise DataDamaged(f"row {first + columns[label].index(None)} of {source} has no label. Fix: give it one, or remove it")
            yield block_of(columns, label, numbers, first, str(source))
            first += len(some)

    return {"": Part(count, blocks)}


def _rows(source: Path) -> Iterator[list[str]]:
    """Yield the fields of each row that is not empty."""
    try:
        with opened(source) as raw:
            head = raw.read(4096).decode("utf-8-sig", "replace").partition("\n")[0]
        sign = max("\t;,", key=head.count)
        with opened(source) as raw:
            lines = (line.decode("utf-8-sig" if number == 0 else "utf-8") for number, line in enumerate(raw))
            yield from ([text.strip() for text in row] for row in csv.reader(lines, delimiter=sign) if row)
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise DataDamaged(f"{source} is damaged ({str(error)[:120]}). Expected a table in UTF-8") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
