"""One update rule for a population, from those of its members' single runs.

Numbers that differ become tensors of shape (K,); everything else must agree.
"""

from collections.abc import Sequence
from typing import Any

import torch

from arena.core.field.members import CannotShare
from arena.rules.base import UpdateRule


def one_rule(rules: Sequence[UpdateRule], dtype: torch.dtype, device: torch.device) -> UpdateRule:
    """Return the first of the members' rules, with the numbers of all.

    Raises:
        CannotShare: The rules differ in more than numbers.

    Example:
        >>> from arena.rules import Consensus
        >>> one_rule([Consensus(gamma=0.5), Consensus(gamma=2.0)], torch.float32, torch.device("cpu")).gamma.tolist()
        [0.5, 2.0]
    """
    first = rules[0]
    kinds = {type(rule) for rule in rules}
    if len(kinds) > 1:
        raise CannotShare(f"members of a population share one rule, but these have {', '.join(sorted(k.__name__ for k in kinds))}")
    for name, value in list(vars(first).items()):
        values = [vars(rule)[name] for rule in rules]
        if isinstance(value, UpdateRule):
            one_rule(values, dtype, device)
        elif _plain(value) and any(v != value for v in values):
            numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
            if not numbers or not (name in first.may_differ or all(isinstance(v, float) for v in values)):
                raise CannotShare(
                    f"{type(first).__name__}'s {name} differs within the population ({value!r} and others), but only numbers with a "
                    "decimal point may"
                )
            setattr(first, name, torch.tensor(values, dtype=dtype, device=device))
    return first


def _plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str, type(None)))
