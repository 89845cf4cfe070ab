"""Tables: the columns of numbers are the examples; one column may be the label.

The label is the column named label, labels or class, or else the only column of words.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from arena.data.part import Block
from arena.errors import DataDamaged

LABELS = ("label", "labels", "class")
IMAGES = ("image", "img", "images")


def block_of(columns: Mapping[str, Any], label: str | None, numbers: Sequence[str], first: int, what: str) -> Block:
    """Return rows as a block.

    Args:
        columns: Values by column.
        label: Column of the label, if there is one.
        numbers: Columns of numbers.
        first: Number of the first row, for error messages.
        what: Name of the table.

    Raises:
        DataDamaged: A value is no number; the error names the row and the column.
    """
    labels = None if label is None else list(columns[label])
    arrays = [_numbers(columns[name], name, first, what) for name in numbers]
    return np.stack(arrays, 1), labels


def chosen(kinds: Mapping[str, bool], what: str) -> tuple[str | None, list[str]]:
    """Return the column of the label and those of numbers; `kinds` says of each column whether it holds words.

    Example:
        >>> chosen({"x": False, "y": False, "species": True}, "iris.csv")
        ('species', ['x', 'y'])
        >>> chosen({"x": False, "name": True, "town": True}, "towns.csv")
        Traceback (most recent call last):
        ...
        arena.errors.DataDamaged: towns.csv has words in the columns name, town. Expected numbers, and words in one column at most, the \
label. Fix: leave the others out, or name the label's column label
    """
    label = next((name for name in kinds if name.strip().lower() in LABELS), None)
    words = [name for name, is_words in kinds.items() if is_words and name != label]
    if label is None and len(words) == 1:
        label, words = words[0], []
    if words:
        raise DataDamaged(
            f"{what} has words in the columns {', '.join(words[:5])}. Expected numbers, and words in one column at most, the label. "
            "Fix: leave the others out, or name the label's column label"
        )
    numbers = [name for name in kinds if name != label]
    if not numbers:
        raise DataDamaged(f"{what} has no columns of numbers. Expected one for each number of an example")
    return label, numbers


def _numbers(values: Any, name: str, first: int, what: str) -> np.ndarray:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        for row, value in enumerate(values):
            try:
                float("nan" if value is None else value)
            except (TypeError, ValueError) as error:
                raise DataDamaged(f"row {first + row} of {what} has {str(value)[:40]!r} in the column {name}. Expected a number") from error
        return np.array([float("nan") if value is None else float(value) for value in values])
