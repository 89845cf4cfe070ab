"""The record of a run: rows of numbers by turn, as JSON lines and TensorBoard events, and checkpoints."""

from arena.trace.jsonl import JSONLines, Unwritten, read_trace, repair
from arena.trace.schema import FIELDS

__all__ = ["FIELDS", "JSONLines", "Unwritten", "read_trace", "repair"]
