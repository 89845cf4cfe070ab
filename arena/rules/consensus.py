"""Consensus optimisation: z⁺ = z − η (v(z) + γ Jᵀv(z)): the players also agree to lower ½‖v‖².

L. Mescheder, S. Nowozin, A. Geiger, "The Numerics of GANs", arXiv:1705.10461. Jᵀv is the gradient of ½‖v‖², so γ multiplies it without a
further ½. On f = xy its spectral radius is √((1 − ηγ)² + η²).
"""

from arena.core.directions import Direction, plus
from arena.core.field.field import Field
from arena.errors import check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap


class Consensus(UpdateRule):
    """z⁺ = z − η (v + γ Jᵀv).

    Cost: one gradient and one product per mover. On a quadratic game v = Jz it is the map I − η(J + γJᵀJ).

    Args:
        gamma: Weight of the consensus term, at least 0.

    Raises:
        BadSetting: `gamma` is negative.
        RuleUndefined: The game has no second derivatives.
    """

    def __init__(self, gamma: float = 1.0):
        check_number("gamma", gamma, least=0)
        self.gamma = gamma

    def direction(self, field: Field) -> Direction:
        v = field.gradients(keep=True)
        return plus(v, field.vjp(v), self.gamma)

    def linear_map(self, game: LinearGame) -> LinearMap:
        return LinearMap(game.I - game.E @ (game.J + self.gamma * game.J.T @ game.J))

    def cost(self) -> Cost:
        return Cost(2, 2)
