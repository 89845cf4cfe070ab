"""Linear systems that are known only by their products, solved by conjugate gradients (Hestenes & Stiefel, 1952)."""

import math
from collections.abc import Callable
from typing import NamedTuple

from arena.directions import Direction, dot, plus, times
from arena.errors import RuleUndefined


class Solution(NamedTuple):
    """What the solver found, how many iterations it took, and ‖b − Ax‖/‖b‖."""

    x: Direction
    iterations: int
    residual: float


def conjugate_gradients(
    apply: Callable[[Direction], Direction],
    b: Direction,
    *,
    tolerance: float,
    iterations: int,
    start: Direction | None = None,
    incomplete: str = "refuse",
    what: str = "the system",
) -> Solution:
    """Solve Ax = b for a symmetric positive definite A.

    Looks at the residual after every iteration, which waits for the device.

    Args:
        apply: from x to Ax.
        b: the right-hand side.
        tolerance: relative residual ‖b − Ax‖/‖b‖ at which it stops, above 0.
        iterations: the most that are made.
        start: where to begin; zero where none is given.
        incomplete: refuse or accept a solution that has not reached the tolerance.
        what: name of the system, for messages.

    Raises:
        RuleUndefined: where A turns out not to be positive definite, something is not finite, or the tolerance is not reached.

    Example:
        >>> import torch
        >>> A = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
        >>> found = conjugate_gradients(lambda d: {"x": A @ d["x"]}, {"x": torch.tensor([1.0, 2.0])}, tolerance=1e-6, iterations=5)
        >>> [round(float(n), 4) for n in found.x["x"]], found.iterations
        ([0.2, 0.6], 2)
    """
    size = float(dot(b, b)) ** 0.5
    if size == 0:
        return Solution(times(0.0, b), 0, 0.0)
    x = times(0.0, b) if start is None else start
    r = b if start is None else plus(b, apply(x), -1.0)  # a residual of an earlier b would solve an earlier system
    p, rr = r, float(dot(r, r))
    for done in range(iterations + 1):
        residual = rr**0.5 / size
        if residual <= tolerance:
            return Solution(x, done, residual)
        if done == iterations:
            break
        q = apply(p)
        curvature = float(dot(p, q))
        if not math.isfinite(residual + curvature):
            raise RuleUndefined(f"{what} is not finite after {done + 1} iterations of conjugate gradients; lower the learning rates")
        if not curvature > 1e-14 * rr:
            raise RuleUndefined(
                f"{what} is not positive definite: its curvature along a direction of length {rr**0.5:.3g} is {curvature:.3g}, "
                "but conjugate gradients need it above 0; raise the damping where the rule has one, or use another rule here"
            )
        step = rr / curvature
        x, r = plus(x, p, step), plus(r, q, -step)
        before, rr = rr, float(dot(r, r))
        p = plus(r, p, rr / before)
    if incomplete == "refuse":
        raise RuleUndefined(
            f"{what} was solved to a relative residual of {residual:.3g} in {iterations} iterations of conjugate gradients, but "
            f"{tolerance:.3g} was asked for; raise rule.iterations or rule.tolerance, lower the learning rates, or accept it by "
            "rule.incomplete accept"
        )
    return Solution(x, iterations, residual)
