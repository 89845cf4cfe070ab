"""Alternating descent with negative heavy-ball momentum: b⁺ = βb + ∇L, θ⁺ = θ − η b⁺, one player after the other, β < 0.

G. Gidel et al., "Negative Momentum for Improved Game Dynamics", arXiv:1807.04740. On f = xy the eigenvalues are the roots of
(λ − 1)²(λ − β)² + η²λ³; with β = −½ it converges, while plain alternation circles.
"""

import torch

from arena.core.directions import plus
from arena.errors import check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap, blocks
from arena.rules.turn import Turn


class NegativeMomentum(UpdateRule):
    """x⁺ = x − η(∇ₓL₁ + βbₓ), then y⁺ = y − η(∇ᵧL₂(x⁺, y) + βbᵧ), b being the direction of each player's last step.

    Cost: one gradient per mover. The momentum is the rule's own, so the optimizers should have none.

    Args:
        beta: Momentum, between −1 and 1; below 0 it damps the rotation.
        alternating: Whether the second player answers the first one's move; else both step from the same point.

    Raises:
        BadSetting: The momentum is outside (−1, 1).
    """

    def __init__(self, beta: float = -0.5, alternating: bool = True):
        check_number("beta", beta, above=-1, below=1)
        self.beta, self.alternating = beta, alternating

    def step(self, turn: Turn) -> None:
        field = turn.field
        for roles in [[role] for role in turn.roles] if self.alternating else [list(turn.roles)]:
            gradient = field.gradients(of=[key for role in roles for key in field.keys_of(role)])
            ball = plus(gradient, self.recall("ball", {name: field.moving[name] for name in gradient}), self.beta)
            self.remember("ball", ball)
            turn.move(ball, roles=roles)

    def linear_map(self, game: LinearGame) -> LinearMap:
        whole = torch.eye(2 * len(game.J), dtype=game.J.dtype)
        for mover in [game.P(1), game.P(2)] if self.alternating else [game.I]:
            ball_z, ball_b = mover @ game.J, game.I - (1 - self.beta) * mover
            whole = blocks([[game.I - game.E @ ball_z, -game.E @ mover @ ball_b], [ball_z, ball_b]]) @ whole
        return LinearMap(whole)

    def cost(self) -> Cost:
        return Cost(2)
