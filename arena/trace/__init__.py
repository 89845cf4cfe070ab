"""What is recorded of a run: rows of numbers by turn, as JSON lines and as TensorBoard events."""

from arena.trace.jsonl import JSONLines, Unwritten, read_trace
from arena.trace.schema import FIELDS

__all__ = ["FIELDS", "JSONLines", "Unwritten", "read_trace"]
