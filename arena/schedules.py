"""Schedules: pure functions from progress p in [0, 1] to a number, for the coupling λ and for learning rates.

Progress is turns played over turns declared, so that a resumed schedule is exact. Schedules use operators only, because their coefficients
may be tensors with one value per member of a population.
"""

import math
from collections.abc import Callable

from arena.errors import BadSetting

Schedule = Callable[[float], float]


def constant(progress: float, value: float = 1.0) -> float:
    """Constant: `value` throughout the run.

    Args:
        value: The number.

    Example:
        >>> constant(0.3, value=0.5)
        0.5
    """
    return value


def linear(progress: float, start: float = 1.0, end: float = 0.0) -> float:
    """Linear: start + (end − start)·p.

    Args:
        start: Value at p = 0.
        end: Value at p = 1.

    Example:
        >>> linear(0.25)
        0.75
    """
    return start + (end - start) * progress


def dann_ramp(progress: float, gamma: float = 10.0) -> float:
    """Ramp of DANN: λ(p) = 2 / (1 + e^(−γp)) − 1, from 0 to almost 1 (Ganin et al., arXiv:1505.07818).

    Args:
        gamma: Steepness γ.

    Example:
        >>> dann_ramp(0.0), round(dann_ramp(0.1), 4), round(dann_ramp(1.0), 4)
        (0.0, 0.4621, 0.9999)
    """
    return 2 / (1 + math.e ** (-gamma * progress)) - 1


def inverse_decay(progress: float, alpha: float = 10.0, beta: float = 0.75) -> float:
    """Inverse decay: (1 + αp)^(−β), the learning rate of DANN (Ganin et al., arXiv:1505.07818).

    Args:
        alpha: Speed α.
        beta: Power β.

    Example:
        >>> inverse_decay(0.0), round(inverse_decay(1.0), 4)
        (1.0, 0.1656)
    """
    return (1 + alpha * progress) ** -beta


def cosine(progress: float, start: float = 1.0, end: float = 0.0) -> float:
    """Cosine: end + (start − end)·(1 + cos πp)/2 (Loshchilov & Hutter, arXiv:1608.03983).

    Args:
        start: Value at p = 0.
        end: Value at p = 1.

    Example:
        >>> cosine(0.5), cosine(1.0)
        (0.5, 0.0)
    """
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def step(progress: float, factor: float = 0.5, steps: int = 5) -> float:
    """Staircase: factor^k in the k-th of steps + 1 equal intervals, counted from 0.

    Args:
        factor: Factor of each step.
        steps: Number of steps, at least 1.

    Example:
        >>> step(0.0), step(0.5, factor=0.1, steps=1)
        (1.0, 0.1)
    """
    return factor ** min(int(progress * (steps + 1)), steps) * 1.0


def cyclic(progress: float, low: float = 0.0, high: float = 1.0, cycles: int = 1, peak: float = 0.5) -> float:
    """Triangle wave from `low` to `high` and back, `cycles` times (Smith, arXiv:1506.01186).

    Args:
        low: Value at the ends of each cycle.
        high: Value at the peak of each cycle.
        cycles: Number of cycles, at least 1.
        peak: Rising share of each cycle, above 0 and below 1.

    Raises:
        BadSetting: The peak is not above 0 and below 1.

    Example:
        >>> cyclic(0.0), cyclic(0.5), cyclic(0.25, cycles=2), cyclic(0.4, peak=0.4), round(cyclic(0.7, peak=0.4), 4)
        (0.0, 1.0, 1.0, 1.0, 0.5)
    """
    if not 0 < peak < 1:
        raise BadSetting("peak", peak, "above 0 and below 1")
    phase = (progress * cycles) % 1.0
    up, down = phase / peak, (1 - phase) / (1 - peak)
    return low + (high - low) * (up + down - abs(up - down)) / 2  # min(up, down)
