"""Labels: any whole numbers or words become classes 0, 1, …, in ascending order of the labels."""

import contextlib
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from arena.errors import DataDamaged, shown

Label = int | str


def label_of(value: Any) -> Label:
    """Return a label as a whole number or a word; a word of digits alone is a number.

    Raises:
        DataDamaged: The label is neither.

    Example:
        >>> label_of(np.int64(3)), label_of("cat"), label_of("07"), label_of(2.0)
        (3, 'cat', 7, 2)
        >>> label_of(0.5)
        Traceback (most recent call last):
        ...
        arena.errors.DataDamaged: the label 0.5 is neither a whole number nor a word. Fix: give each class a number or a name
    """
    if hasattr(value, "item"):  # of NumPy or torch
        with contextlib.suppress(ValueError, RuntimeError):
            value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        word = value.strip()
        return int(word) if word.removeprefix("-").isdecimal() and len(word) < 19 else word
    if isinstance(value, (Integral, float)) and float(value).is_integer():
        return int(value)
    raise DataDamaged(f"the label {shown(value)} is neither a whole number nor a word. Fix: give each class a number or a name")


def named(labels: Iterable[Label]) -> list[Label]:
    """Return the different labels in ascending order, numbers before words.

    Example:
        >>> named([4, 1, "cat", 1])
        [1, 4, 'cat']
    """
    return sorted(set(labels), key=lambda label: (isinstance(label, str), label))


def classes(labels: Sequence[Label], names: Sequence[Label]) -> np.ndarray:
    """Return the place of each label among the names."""
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[label] for label in labels], np.int32)
