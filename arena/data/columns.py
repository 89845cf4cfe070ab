"""Records of columns, as parquet files, Hugging Face data sets and data frames hold them: images with labels, or numbers with labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from arena.data.part import Block
from arena.data.pixels import decoded
from arena.data.table import block_of, chosen
from arena.errors import DataDamaged


class Columns:
    """How records become examples, judged by the first of them.

    Args:
        first: The first values by column.
        what: Name of the data set.
        names: Names of the classes by column, for columns that number them.

    Raises:
        DataDamaged: The columns are neither one of images nor of numbers.
    """

    def __init__(self, first: Mapping[str, Sequence[Any]], what: str, names: Mapping[str, Sequence[str]] | None = None):
        self.what, self.names = what, dict(names or {})
        self.image = next((name for name, values in first.items() if _is_image(name, values)), None)
        others = {name: _is_words(values) for name, values in first.items() if name != self.image}
        if self.image is not None:
            named = [name for name in others if name in self.names or name.strip().lower() in ("label", "labels", "class")]
            self.label: str | None = named[0] if named else None
            self.numbers: list[str] = []
            return
        self.label, self.numbers = chosen(others, what)
        if self.label is None and len(self.names) == 1:
            self.label = next(iter(self.names))
            self.numbers.remove(self.label)

    def block(self, columns: Mapping[str, Sequence[Any]], first: int) -> Block:
        """Return records as a block; `first` is the number of the first of them."""
        if self.image is None:
            examples, labels = block_of(columns, self.label, self.numbers, first, self.what)
            return examples, self._named(labels)
        images = [self._decoded(value, first + place) for place, value in enumerate(columns[self.image])]
        return images, self._named(None if self.label is None else list(columns[self.label]))

    def _decoded(self, value: Any, number: int) -> Any:
        what = f"image {number} of {self.what}"
        if isinstance(value, Mapping):
            value = value.get("bytes")
        if isinstance(value, (bytes, bytearray)):
            image = decoded(bytes(value), what)
            image.arena_name = what
            return image
        if hasattr(value, "getbands"):
            return value
        if value is None or isinstance(value, str):
            raise DataDamaged(f"{what} has no bytes in the data set, but a place elsewhere at best. Fix: save it with its files embedded")
        import numpy as np

        return np.asarray(value)

    def _named(self, labels: Sequence[Any] | None) -> Sequence[Any] | None:
        names = self.names.get(self.label or "")
        return labels if names is None or labels is None else [names[label] if 0 <= label < len(names) else label for label in labels]


def _is_image(name: str, values: Sequence[Any]) -> bool:
    value = next((value for value in values if value is not None), None)
    if isinstance(value, Mapping):
        return "bytes" in value
    nested = isinstance(value, (list, tuple)) and len(value) > 0 and isinstance(value[0], (list, tuple))
    return isinstance(value, (bytes, bytearray)) or hasattr(value, "getbands") or nested or (getattr(value, "ndim", 0) > 1)


def _is_words(values: Sequence[Any]) -> bool:
    return any(isinstance(value, str) for value in values)
