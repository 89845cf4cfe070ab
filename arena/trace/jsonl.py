"""The trace as JSON lines: append-only, readable during the run, continued exactly after a kill."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class JSONLines:
    """A file of rows, each written through at once.

    Args:
        path: The file; created if there is none.
        keep: Bytes to keep, from `position`; the rest is of turns that are played again.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "trace.jsonl"
        >>> trace = JSONLines(path)
        >>> trace.write({"turn": 1, "generator.loss": float("nan")})
        >>> trace.close()
        >>> read_trace(path)
        [{'turn': 1, 'generator.loss': None}]
    """

    def __init__(self, path: Path, keep: int = 0):
        path.touch()
        os.truncate(path, keep)
        self._file = path.open("ab", buffering=0)

    @property
    def position(self) -> int:
        """Bytes written so far."""
        return os.fstat(self._file.fileno()).st_size

    def write(self, row: Mapping[str, Any]) -> None:
        plain = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        self._file.write((json.dumps(plain, allow_nan=False) + "\n").encode())

    def close(self) -> None:
        self._file.close()


class Unwritten:
    """A trace that is not written, for all processes but one."""

    position = 0

    def write(self, row: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


def read_trace(path: str | Path) -> list[dict[str, Any]]:
    """Return the rows of a `trace.jsonl`, or of that of a run folder, without a last line that is not complete."""
    file = Path(path)
    file = file / "trace.jsonl" if file.is_dir() else file
    lines = file.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1] if line]
