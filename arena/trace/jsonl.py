"""The trace as JSON lines: append-only, readable during the run, continued exactly after a kill."""

import json
import math
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from arena.errors import ArenaError, ArenaWarning
from arena.trace.damaged import replace_damaged
from arena.trace.reading import MIB, read_bytes
from arena.trace.schema import check_row, shape_of
from arena.trace.writing import AS_IT_IS, sync_folder, write_whole

MOST = 8192 * MIB
"""Largest trace that is read."""


class JSONLines:
    """A file of rows, each written through at once.

    Args:
        path: The file; created if there is none.
        keep: Bytes to keep, from `position`; the rest is of turns that are played again.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "trace.jsonl"
        >>> trace = JSONLines(path)
        >>> trace.write({"kind": "turn", "turn": 1, "x.loss": float("nan")})
        >>> trace.close()
        >>> read_trace(path)
        [{'kind': 'turn', 'turn': 1, 'x.loss': None}]
    """

    def __init__(self, path: Path, keep: int = 0):
        self._file = open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | AS_IT_IS, 0o666), "ab", buffering=0)  # noqa: PTH123, SIM115
        self._file.truncate(keep)
        sync_folder(path.parent)

    @property
    def position(self) -> int:
        """Bytes written so far."""
        return os.fstat(self._file.fileno()).st_size

    def write(self, row: Mapping[str, Any]) -> None:
        plain = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        line = (json.dumps(plain, allow_nan=False) + "\n").encode()
        while line:  # a disk that is nearly full takes a part of it, and refuses the rest
            line = line[self._file.write(line) :]

    def sync(self) -> None:
        """Flush the rows to the disk, before a checkpoint that counts on them."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class Unwritten:
    """A trace that is not written, for all processes but one."""

    position = 0

    def write(self, row: Mapping[str, Any]) -> None: ...

    def sync(self) -> None: ...

    def close(self) -> None: ...


def read_trace(path: str | Path) -> list[dict[str, Any]]:
    """Return the rows of a `trace.jsonl`, or of that of a run folder, without a last line that is not complete.

    Lines that are no rows are left out with a warning.
    """
    file = Path(path)
    file = file / "trace.jsonl" if file.is_dir() else file
    rows, damage = rows_and_damage(file)
    if damage:
        warnings.warn(ArenaWarning(f"{file} is damaged: {damage}. Its other rows are used"), stacklevel=2)
    return rows


def rows_and_damage(file: Path) -> tuple[list[dict[str, Any]], str]:
    """Return the rows of a trace, and what is wrong with the lines that are none; nothing if there is no file."""
    return _parse(_read(file)) if file.exists() else ([], "")


def repair(path: Path, keep: int, turn: int) -> tuple[int, str]:
    """Make a trace whole up to a checkpoint; return the bytes to keep, and a sentence if something was lost.

    If the first `keep` bytes are not there or not all rows, the file is kept beside as `trace.jsonl.damaged`, and replaced by the whole
    rows up to the checkpoint's turn.
    """
    data = _read(path) if path.exists() else b""
    rows, damage = _parse(data[:keep])
    if len(data) < keep:
        damage = damage or f"it ends after {len(data):,} of {keep:,} bytes"
    if keep > 0 and data[keep - 1 : keep] != b"\n":
        damage = damage or f"line {len(rows) + 1} is another than at the checkpoint"
    if not damage:
        return keep, ""
    rows = [row for row in _parse(data)[0] if row["turn"] <= turn and row["kind"] != "end"]
    whole = "".join(json.dumps(row) + "\n" for row in rows).encode()
    beside = ""
    if path.exists():
        beside = f" The damaged file is kept as {replace_damaged(path, whole)}"
    else:
        write_whole(path, whole)
    return len(whole), f"{path} was damaged: {damage}. Its {len(rows):,} whole rows are used.{beside}"


def _read(file: Path) -> bytes:
    try:
        return read_bytes(file, MOST)
    except OSError as error:
        raise ArenaError(f"the trace {file} cannot be read ({error.strerror}). Fix: restore it, or remove it") from error


def _parse(data: bytes) -> tuple[list[dict[str, Any]], str]:
    """Return the rows of a trace, and what is wrong with the first line that is none; the rest after the last line break does not count."""
    rows, wrong, checked = [], [], set()
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            row = _row(line)
            if (shape := shape_of(row)) not in checked or row["turn"] < 0:
                check_row(row)
                checked.add(shape)
            rows.append(row)
        except (ValueError, RecursionError) as error:
            wrong.append(f"line {number} {error if type(error) is ValueError else 'is not JSON'}")
    return rows, wrong[0] + (f", and {len(wrong) - 1:,} more" if len(wrong) > 1 else "") if wrong else ""


def _row(line: bytes) -> Any:
    """Return what a line of JSON says; orjson reads it seven times as fast, and json says what is wrong."""
    try:
        return orjson.loads(line)
    except ValueError:
        return json.loads(line, parse_constant=_refuse)


def _refuse(word: str) -> None:
    raise ValueError(f"holds {word}")
