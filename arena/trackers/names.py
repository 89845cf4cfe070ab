"""Names of numbers where only some characters are legal, mapped so that the original can be read back.

A character that is not legal is written as its hexadecimal code between underscores: `D(x)` is `D_28_x_29_`. An underscore that would begin
such a code in the original is written as `_5F_`, so that `original_name` is the inverse for every name.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

_CODE = re.compile(r"_([0-9A-F]{2,6})_")
_AMBIGUOUS = re.compile(r"_(?=[0-9A-F]{2})")


def legal_name(name: str, legal: str) -> str:
    """Return a name in which every character is legal.

    Args:
        name: Any text.
        legal: Legal characters as in a character class of regular expressions; letters, digits and the underscore are legal anyway.

    Example:
        >>> legal_name("game.D(x)", r".\\-"), legal_name("generator.update_norm", r".\\-"), legal_name("top_10", "")
        ('game.D_28_x_29_', 'generator.update_norm', 'top_5F_10')
    """
    escaped = _AMBIGUOUS.sub("_5F_", name)
    return re.sub(rf"[^A-Za-z0-9_{legal}]", lambda found: f"_{ord(found[0]):02X}_", escaped)


def original_name(name: str) -> str:
    """Return the name that `legal_name` was given.

    Example:
        >>> original_name("game.D_28_x_29_"), original_name("top_5F_10")
        ('game.D(x)', 'top_10')
    """
    return _CODE.sub(lambda found: chr(int(found[1], 16)), name)


def numbers_of(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers of a row of the trace by name, without its turn.

    Example:
        >>> numbers_of({"kind": "turn", "turn": 5, "score": 0.5, "best": None, "judged": "averaged"})
        {'score': 0.5}
    """
    numbers = {name: float(value) for name, value in row.items() if isinstance(value, (int, float)) and not isinstance(value, bool)}
    return {name: value for name, value in numbers.items() if name != "turn" and math.isfinite(value)}
