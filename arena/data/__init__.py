"""Your own data: a folder, a table, a file or an object becomes memory-mapped arrays, converted once."""

from arena.data.keeping import Kept, keep, kept_object
from arena.data.part import Part
from arena.data.source import Source, Takes

__all__ = ["Kept", "Part", "Source", "Takes", "keep", "kept_object"]
