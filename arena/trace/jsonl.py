"""The trace as JSON lines: append-only, readable while the run goes on, continued without a seam after a kill."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class JSONLines:
    """Appends rows to a file, each written through at once.

    Args:
        path: the file; created where it does not exist.
        keep: bytes of it to keep, as `position` gave; what lies beyond is from turns that are played again.

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
    """The trace of a process that leaves the writing to another."""

    position = 0

    def write(self, row: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


def read_trace(path: str | Path) -> list[dict[str, Any]]:
    """The rows of a trace; a last line that is only half written is left out.

    Args:
        path: `trace.jsonl`, or the run folder that holds it.
    """
    file = Path(path)
    file = file / "trace.jsonl" if file.is_dir() else file
    lines = file.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1] if line]
