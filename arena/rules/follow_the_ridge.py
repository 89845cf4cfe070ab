"""Follow the Ridge: while the leader moves, the follower also moves to stay on the ridge, where its own gradient vanishes.

    x⁺ = x − η₁ ∇ₓL₁,    y⁺ = y − η₂ ∇ᵧL₂ + η₁ J₂₂⁻¹ J₂₁ ∇ₓL₁

Y. Wang, G. Zhang, J. Ba, "On Solving Minimax Optimization Locally: A Follow-the-Ridge Approach", arXiv:1910.07512. There y maximises
f = L₁ = −L₂, so that J₂₂⁻¹J₂₁ = Hᵧᵧ⁻¹Hᵧₓ; written in the follower's own loss it holds for any follower. At a fixed point the Jacobian's
eigenvalues are those of the Schur complement J₁₁ − J₁₂J₂₂⁻¹J₂₁ and of J₂₂: nothing rotates. If the follower's loss has no curvature of
its own, as on f = xy, the rule is undefined.

J₂₂ need not be positive away from a solution, so J₂₂u = b is solved as the least-squares problem (J₂₂² + δI)u = J₂₂b by conjugate
gradients; nets have directions of nearly no curvature, and need a damping δ > 0.
"""

from typing import Literal

import torch
from torch import Tensor

from arena.core.directions import Direction, plus, times
from arena.errors import check_choice, check_number
from arena.rules.base import UpdateRule
from arena.rules.conjugate_gradients import Solution, conjugate_gradients
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn


class FollowTheRidge(UpdateRule):
    """y⁺ = y − η₂ ∇ᵧL₂ + η₁ (J₂₂² + δI)⁻¹ J₂₂ J₂₁ ∇ₓL₁, the leader x moving by plain descent.

    Cost: one gradient per mover, two products, and two products in every iteration of the solver.

    Args:
        follower: Player that stays on the ridge, 1 or 2; in min–max, the max player.
        damping: δ, added to the square of the follower's curvature, at least 0.
        tolerance: Relative residual at which the solver stops, above 0; in float32 at least 1e-6.
        iterations: Largest number of iterations per turn, at least 1.
        incomplete: refuse to continue, or accept the move, if the tolerance is not reached.

    Raises:
        BadSetting: A number is out of its range.
        RuleUndefined: The follower's loss has no curvature, or the solver does not converge.
    """

    also = ("ridge",)

    def __init__(
        self,
        follower: int = 2,
        damping: float = 0.0,
        tolerance: float = 1e-5,
        iterations: int = 100,
        incomplete: Literal["refuse", "accept"] = "refuse",
    ):
        check_number("follower", follower, least=1, most=2, whole=True)
        check_number("damping", damping, least=0)
        check_number("tolerance", tolerance, above=0)
        check_number("iterations", iterations, least=1, whole=True)
        check_choice("incomplete", incomplete, ["refuse", "accept"])
        self.follower, self.damping, self.tolerance = follower, damping, tolerance
        self.iterations, self.incomplete = iterations, incomplete
        self.solved: Solution | None = None

    def step(self, turn: Turn) -> None:
        v = turn.field.gradients()
        if len(turn.roles) == 2:
            v = plus(v, self._correction(turn, v), -1.0)
        turn.move(v)

    def _correction(self, turn: Turn, v: Direction) -> Direction:
        """(η₁/η₂) J₂₂⁻¹ J₂₁ ∇ₓL₁, in the follower's parameters."""
        field = turn.field
        leader, follower = turn.in_order(3 - self.follower)
        keys = field.keys_of(follower)
        ratio = turn.learning_rate(leader) / turn.learning_rate(follower)
        curvature = lambda p: field.jvp(p, of=keys)  # noqa: E731
        wanted = times(ratio, field.jvp({name: v[name] for name in field.names_of(leader)}, of=keys))
        seen = curvature(wanted)
        length, bent = (field.dot(d, d).sqrt() for d in (wanted, seen))
        field.refuse(
            (bent <= 1e-12 * length) & (length > 0),
            "the {follower}'s loss has no curvature of its own here (it bends a direction of length {length:.3g} by {bent:.3g}), so "
            "it has no ridge to follow; use another rule, or a game whose follower has one",
            follower=follower,
            length=length,
            bent=bent,
        )
        self.solved = conjugate_gradients(
            lambda p: plus(curvature(curvature(p)), p, self.damping),
            seen,
            tolerance=self.tolerance,
            iterations=self.iterations,
            incomplete=self.incomplete,
            what=f"the square of the curvature of the {follower}'s loss",
            dot=field.dot,
            refuse=field.refuse,
        )
        return self.solved.x

    def report(self) -> dict[str, Tensor | float]:
        return {} if self.solved is None else {"iterations": self.solved.iterations, "residual": self.solved.residual}

    def linear_map(self, game: LinearGame) -> LinearMap | None:
        leader, follower = 3 - self.follower, self.follower
        curvature = game.block(follower, follower)
        square = curvature @ curvature + self.damping * torch.eye(len(curvature), dtype=game.J.dtype)
        if float(torch.linalg.eigvalsh(square).min()) <= 0:
            return None
        wanted = curvature @ game.block(follower, leader) @ (game.E @ game.J)[game.rows(leader)]
        correction = torch.linalg.solve(square, wanted)
        matrix = game.I - game.E @ game.J
        matrix[game.rows(follower)] += correction
        return LinearMap(matrix)
