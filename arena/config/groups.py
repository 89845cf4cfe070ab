"""The setting `groups` of a role: numbers of its optimizer for parameters whose names match a pattern."""

from dataclasses import dataclass
from typing import Any

from arena.errors import BadSetting
from arena.registry.grammar import parse


@dataclass(frozen=True)
class Groups:
    """Numbers of the optimizer for parameters whose names match a pattern.

    Args:
        groups: Patterns with numbers, such as `*.bias(weight_decay=0)`; the first that fits a name decides.

    Raises:
        ArenaError: A group is not written as `PATTERN(name=value, …)`.

    Example:
        >>> Groups(("*.bias(weight_decay=0)", "0.*(lr=1e-4, betas=(0, 0.9))")).numbers
        {'*.bias': {'weight_decay': 0.0}, '0.*': {'lr': 0.0001, 'betas': (0.0, 0.9)}}
    """

    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if empty := next((group for group, own in zip(self.groups, self.numbers.values(), strict=False) if not own), None):
            raise BadSetting("groups", empty, f"a pattern with numbers, such as {empty}(weight_decay=0)")

    @property
    def numbers(self) -> dict[str, dict[str, Any]]:
        """Return the numbers by pattern."""
        return {pattern: {name: _number(text) for name, text in own.items()} for pattern, own in map(parse, self.groups)}


def _number(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    try:
        numbers = tuple(map(float, text.strip("()[]").split(",")))
    except ValueError:
        raise BadSetting("a number of a group", text, "a number, such as 1e-4") from None
    return numbers if text.startswith(("(", "[")) else numbers[0]
