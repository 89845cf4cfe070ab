"""Observations of both environments: the signals, squashed by sign(x)·log(1 + |x|)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

BOUND = 89.0
"""Largest squashed observation, also that of a non-finite signal: log(1 + the largest float32) is 88.7."""


def observation(values: Mapping[str, Any], names: list[str]) -> np.ndarray:
    """Return the squashed signals in the order of `names`, along the last axis; a missing signal is 0."""
    nothing = 0.0 * next(iter(values.values()))
    return squash(np.stack([np.asarray(values.get(name, nothing), dtype=np.float64) for name in names], axis=-1))


def squash(raw: np.ndarray) -> np.ndarray:
    """Return sign(x)·log(1 + |x|) as float32, and the bound for non-finite numbers.

    Example:
        >>> squash(np.array([0.0, -1.0, np.nan])).round(2).tolist()
        [0.0, -0.6899999976158142, 89.0]
    """
    with np.errstate(invalid="ignore"):
        squashed = np.sign(raw) * np.log1p(np.abs(raw))
    return np.where(~np.isfinite(raw), BOUND, np.clip(squashed, -BOUND, BOUND)).astype(np.float32)
