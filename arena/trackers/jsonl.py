"""The trace of a run, `trace.jsonl`: the one record that a run depends on.

A checkpoint counts on the bytes that were written before it, so that an error here ends the run, and the trace is always on.
"""

from collections.abc import Mapping
from typing import Any

from arena.trace import JSONLines
from arena.trackers.base import Started, Tracker


class Trace(Tracker):
    """The rows, alarms and the end of a run as JSON lines.

    Args:
        keep: Bytes that a run which goes on keeps; the rest is of turns that are played again.
    """

    _arena_kind = "trace"  # always on, and no choice of `--trackers`
    essential = True

    def __init__(self, keep: int = 0):
        self.keep = keep

    @property
    def position(self) -> int:
        """Bytes written so far."""
        return self._lines.position

    def on_begin(self, run: Started) -> None:
        self._lines = JSONLines(run.folder / "trace.jsonl", self.keep)

    def on_look(self, row: Mapping[str, Any]) -> None:
        self._lines.write(row)

    def on_alarm(self, row: Mapping[str, Any]) -> None:
        self._lines.write(row)

    def sync(self) -> None:
        """Flush the rows to the disk, before a checkpoint that counts on them."""
        self._lines.sync()

    def on_end(self, row: Mapping[str, Any]) -> None:
        if row["status"] != "interrupted":  # the run goes on from its checkpoint
            self._lines.write(row)
            self._lines.sync()
        self._lines.close()


class Unwritten(Trace):
    """The trace of all processes of a run but the first."""

    position = 0

    def on_begin(self, run: Started) -> None: ...

    def on_look(self, row: Mapping[str, Any]) -> None: ...

    def on_alarm(self, row: Mapping[str, Any]) -> None: ...

    def sync(self) -> None: ...

    def on_end(self, row: Mapping[str, Any]) -> None: ...
