"""Cases of a grid: one of each row runs with the quick tests, the others with the thorough or the slow ones."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def one_of_each(rows: Collection[Any], columns: Collection[Any], mark: pytest.MarkDecorator = pytest.mark.slow) -> list[Any]:
    """Return every pair; all but one pair in each row are marked, and those that stay walk through the columns.

    Example:
        >>> cases = one_of_each(["a", "b", "c"], [1, 2])
        >>> [case.values for case in cases if not case.marks]
        [('a', 1), ('b', 2), ('c', 1)]
    """
    return [
        pytest.param(row, column, marks=() if place == number % len(columns) else mark)
        for number, row in enumerate(rows)
        for place, column in enumerate(columns)
    ]


def first(count: int, values: Iterable[Any]) -> list[Any]:
    """Return all values as cases; those after the first `count` are thorough.

    Example:
        >>> [case.values for case in first(1, "ab") if not case.marks]
        [('a',)]
    """
    return [pytest.param(value, marks=() if number < count else pytest.mark.thorough) for number, value in enumerate(values)]
