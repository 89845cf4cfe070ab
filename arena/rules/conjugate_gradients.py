"""Matrix-free linear systems, solved by conjugate gradients (Hestenes & Stiefel, 1952)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from arena.core.directions import Direction, dot, plus, times
from arena.errors import refuse


class Solution(NamedTuple):
    """The solution, the number of iterations, and ‖b − Ax‖/‖b‖; the last two for each member of a population."""

    x: Direction
    iterations: int | Tensor
    residual: float | Tensor


def conjugate_gradients(
    apply: Callable[[Direction], Direction],
    b: Direction,
    *,
    tolerance: float | Tensor,
    iterations: int,
    start: Direction | None = None,
    incomplete: str = "refuse",
    what: str = "the system",
    dot: Callable[[Direction, Direction], Tensor] = dot,
    refuse: Callable[..., None] = refuse,
) -> Solution:
    """Solve Ax = b for a symmetric positive definite A.

    The residual is read after every iteration, which synchronises with the device. The systems of a population are solved in parallel, and
    each stops when it has converged.

    Args:
        apply: Maps x to Ax.
        b: Right-hand side.
        tolerance: Relative residual ‖b − Ax‖/‖b‖ at which the solver stops, above 0.
        iterations: Largest number of iterations.
        start: Start of the iteration; zero by default.
        incomplete: refuse or accept a solution that has not reached the tolerance.
        what: Name of the system, for errors.
        dot: ⟨a, b⟩, in a population one per member (`Field.dot`).
        refuse: Called if there is no solution (`Field.refuse`).

    Raises:
        RuleUndefined: A is not positive definite, a number is not finite, or the tolerance is not reached.

    Example:
        >>> import torch
        >>> A = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
        >>> found = conjugate_gradients(lambda d: {"x": A @ d["x"]}, {"x": torch.tensor([1.0, 2.0])}, tolerance=1e-6, iterations=5)
        >>> [round(float(n), 4) for n in found.x["x"]], found.iterations
        ([0.2, 0.6], 2)
    """
    size = dot(b, b).sqrt()
    x = times(0.0, b) if start is None else times((size > 0).to(size), start)
    r = b if start is None else plus(b, apply(x), -1.0)  # a residual of an earlier b would solve an earlier system
    p, rr = r, dot(r, r)
    counts = torch.zeros_like(size, dtype=torch.long)
    refused = torch.zeros_like(size, dtype=torch.bool)
    for done in range(iterations + 1):
        residual = torch.where(size > 0, rr.sqrt() / size, 0 * size)  # a size of NaN stays one
        working = ~(residual <= tolerance) & ~refused
        if done == iterations or not bool(working.any()):
            break
        q = apply(p)
        curvature = dot(p, q)
        finite = (residual + curvature).isfinite()
        refuse(
            working & ~finite,
            "{what} is not finite after {done} iterations of conjugate gradients; lower the learning rates",
            what=what,
            done=done + 1,
        )
        flat = finite & ~(curvature > 1e-14 * rr)
        refuse(
            working & flat,
            "{what} is not positive definite: its curvature along a direction of length {length:.3g} is {curvature:.3g}, but conjugate "
            "gradients need it above 0; raise the damping if the rule has one, or use another rule here",
            what=what,
            length=rr.sqrt(),
            curvature=curvature,
        )
        refused |= working & (flat | ~finite)
        working &= ~refused
        step = torch.where(working, rr / curvature, 0.0)
        x, r = plus(x, p, step), plus(r, q, -step)
        counts += working
        before, rr = rr, torch.where(working, dot(r, r), rr)
        p = plus(r, p, torch.where(working, rr / before, 0.0))
    if incomplete == "refuse":
        refuse(
            working,
            "{what} was solved to a relative residual of {residual:.3g} in {iterations} iterations of conjugate gradients, but "
            "{tolerance:.3g} was required; raise rule.iterations or rule.tolerance, lower the learning rates, or accept it by "
            "rule.incomplete accept",
            what=what,
            residual=residual,
            iterations=iterations,
            tolerance=tolerance,
        )
    if counts.dim() == 0:
        return Solution(x, int(counts), float(residual))
    return Solution(x, counts, residual)
