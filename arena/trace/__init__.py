"""The record of a run: rows of numbers by turn, as JSON lines and TensorBoard events, and checkpoints."""

from arena.trace.jsonl import JSONLines, Unwritten, mend, read_trace
from arena.trace.schema import FIELDS

__all__ = ["FIELDS", "JSONLines", "Unwritten", "mend", "read_trace"]
