"""Cases of a grid: one of each row runs with the quick tests, the others with the thorough or the slow ones."""

from collections.abc import Collection
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
