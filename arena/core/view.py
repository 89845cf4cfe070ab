"""The values that the pictures of a film share, such as limits of axes."""

from collections.abc import Callable
from typing import Any

Keep = Callable[[str, Any], Any]
"""Takes a name and a value, and returns the value to draw with."""


class View:
    """Values by name. While the view is open, the largest number and the first of anything else are kept; then they no longer change.

    Args:
        values: Values of a closed view; None opens an empty one.

    Example:
        >>> view = View()
        >>> [view.keep("reach", number) for number in (1.0, 3.0, 2.0)]
        [1.0, 3.0, 3.0]
        >>> View(view.values).keep("reach", 9.0)
        3.0
    """

    def __init__(self, values: dict[str, Any] | None = None):
        self.open = values is None
        self.values: dict[str, Any] = {} if values is None else values

    def keep(self, name: str, value: Any) -> Any:
        """Return the value of that name; `value` if the closed view has none."""
        if not self.open:
            return self.values.get(name, value)
        if isinstance(value, float):
            self.values[name] = max(value, self.values.get(name, value))
            return self.values[name]
        return self.values.setdefault(name, value)


def free(name: str, value: Any) -> Any:
    """Return the value: the `Keep` of a picture that stands alone."""
    return value
