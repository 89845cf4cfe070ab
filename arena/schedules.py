"""Schedules: pure functions from progress p in [0, 1] to a number. They serve λ (the coupling) and learning rates alike.

Progress is turns played over turns declared, so a schedule is exact across a resume. They use operators only, so that their
coefficients may be tensors with one value per member of a population.
"""

import math
from collections.abc import Callable

from arena.errors import BadSetting

Schedule = Callable[[float], float]


def constant(progress: float, value: float = 1.0) -> float:
    """The same number throughout.

    Args:
        value: the number.

    Example:
        >>> constant(0.3, value=0.5)
        0.5
    """
    return value


def linear(progress: float, start: float = 1.0, end: float = 0.0) -> float:
    """From `start` to `end` in a straight line: start + (end − start)·p.

    Args:
        start: value at p = 0.
        end: value at p = 1.

    Example:
        >>> linear(0.25)
        0.75
    """
    return start + (end - start) * progress


def dann_ramp(progress: float, gamma: float = 10.0) -> float:
    """λ(p) = 2 / (1 + e^(−γp)) − 1, from 0 up to almost 1 (Ganin et al., arXiv:1505.07818).

    Args:
        gamma: steepness γ.

    Example:
        >>> dann_ramp(0.0), round(dann_ramp(0.1), 4), round(dann_ramp(1.0), 4)
        (0.0, 0.4621, 0.9999)
    """
    return 2 / (1 + math.e ** (-gamma * progress)) - 1


def inverse_decay(progress: float, alpha: float = 10.0, beta: float = 0.75) -> float:
    """(1 + αp)^(−β), from 1 down (DANN's learning rate, arXiv:1505.07818).

    Args:
        alpha: speed α.
        beta: power β.

    Example:
        >>> inverse_decay(0.0), round(inverse_decay(1.0), 4)
        (1.0, 0.1656)
    """
    return (1 + alpha * progress) ** -beta


def cosine(progress: float, start: float = 1.0, end: float = 0.0) -> float:
    """Half a cosine from `start` to `end`: end + (start − end)·(1 + cos πp)/2 (Loshchilov & Hutter, arXiv:1608.03983).

    Args:
        start: value at p = 0.
        end: value at p = 1.

    Example:
        >>> cosine(0.5), cosine(1.0)
        (0.5, 0.0)
    """
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def step(progress: float, factor: float = 0.5, steps: int = 5) -> float:
    """A staircase: factor^k on the k-th of steps + 1 equal stretches.

    Args:
        factor: multiplied at each step.
        steps: how many steps down there are, at least 1.

    Example:
        >>> step(0.0), step(0.5, factor=0.1, steps=1)
        (1.0, 0.1)
    """
    return factor ** min(int(progress * (steps + 1)), steps) * 1.0


def cyclic(progress: float, low: float = 0.0, high: float = 1.0, cycles: int = 1, peak: float = 0.5) -> float:
    """A triangle wave from `low` up to `high` and back, `cycles` times (Smith, arXiv:1506.01186).

    Args:
        low: value at the ends of each cycle.
        high: value in the middle of each cycle.
        cycles: number of cycles, at least 1.
        peak: part of each cycle that goes up, above 0 and below 1.

    Raises:
        BadSetting: for a peak at an end of the cycle or outside it.

    Example:
        >>> cyclic(0.0), cyclic(0.5), cyclic(0.25, cycles=2), cyclic(0.4, peak=0.4), round(cyclic(0.7, peak=0.4), 4)
        (0.0, 1.0, 1.0, 1.0, 0.5)
    """
    if not 0 < peak < 1:
        raise BadSetting("peak", peak, "above 0 and below 1")
    phase = (progress * cycles) % 1.0
    up, down = phase / peak, (1 - phase) / (1 - peak)
    return low + (high - low) * (up + down - abs(up - down)) / 2  # the smaller of the two
