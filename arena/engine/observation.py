"""What both environments share as Gymnasium sees them: squashed observations, and attributes of the present episode."""

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

BOUND = 89.0
"""Largest squashed observation: log(1 + the largest float32) is 88.7; anything not finite shows as this."""


def of_episode(name: str) -> Any:
    """An attribute that is the present episode's attribute of that name."""

    def put(environment: Any, value: Any) -> None:
        setattr(environment.episode, name, value)

    return property(operator.attrgetter(f"episode.{name}"), put)


def observation(values: Mapping[str, Any], names: list[str]) -> np.ndarray:
    """The signals in the order of `names`, squashed; 0 for a signal that is missing. Its last axis is that of the names."""
    nothing = 0.0 * next(iter(values.values()))
    return squash(np.stack([np.asarray(values.get(name, nothing), dtype=np.float64) for name in names], axis=-1))


def squash(raw: np.ndarray) -> np.ndarray:
    """sign(x)·log(1 + |x|) as float32; what is not finite shows as the bound.

    Example:
        >>> squash(np.array([0.0, -1.0, np.nan])).round(2).tolist()
        [0.0, -0.6899999976158142, 89.0]
    """
    with np.errstate(invalid="ignore"):
        squashed = np.sign(raw) * np.log1p(np.abs(raw))
    return np.where(~np.isfinite(raw), BOUND, np.clip(squashed, -BOUND, BOUND)).astype(np.float32)
