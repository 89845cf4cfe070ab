"""Linear systems that are known only by their products, solved by conjugate gradients (Hestenes & Stiefel, 1952)."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from arena.core.directions import Direction, dot, plus, times
from arena.errors import refuse


class Solution(NamedTuple):
    """What the solver found, how many iterations it took, and ‖b − Ax‖/‖b‖; the last two for each member of a population."""

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

    Looks at the residual after every iteration, which waits for the device. The systems of a population are solved side by side, and
    each stops by itself where it has converged.

    Args:
        apply: from x to Ax.
        b: the right-hand side.
        tolerance: relative residual ‖b − Ax‖/‖b‖ at which it stops, above 0.
        iterations: the most that are made.
        start: where to begin; zero where none is given.
        incomplete: refuse or accept a solution that has not reached the tolerance.
        what: name of the system, for messages.
        dot: ⟨a, b⟩; of a population one for each member (`Field.dot`).
        refuse: what is called where there is no solution (`Field.refuse`).

    Raises:
        RuleUndefined: where A turns out not to be positive definite, something is not finite, or the tolerance is not reached.

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
            "gradients need it above 0; raise the damping where the rule has one, or use another rule here",
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
            "{tolerance:.3g} was asked for; raise rule.iterations or rule.tolerance, lower the learning rates, or accept it by "
            "rule.incomplete accept",
            what=what,
            residual=residual,
            iterations=iterations,
            tolerance=tolerance,
        )
    if counts.dim() == 0:
        return Solution(x, int(counts), float(residual))
    return Solution(x, counts, residual)
