"""LookAhead, or linearised competitive gradient descent: z⁺ = z − η (v − α H v), each player anticipating the other's plain step.

H is the field's Jacobian without each player's own block. C. Zhang, V. Lesser, "Multi-Agent Learning with Policy Prediction", AAAI 2010;
as LCGD in F. Schäfer, A. Anandkumar, "Competitive Gradient Descent", arXiv:1905.12103. Extragradient becomes this rule if each
player's own block is frozen. Not to be confused with Lookahead-minimax, which averages its iterates.
"""

from arena.core.directions import plus, times
from arena.errors import check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn


class LookAhead(UpdateRule):
    """z⁺ = z − η (v − H α v): each player's gradient after the other's plain step, to first order.

    Cost: one gradient and one product per mover. On a quadratic game v = Jz it is the map I − η(I − αH)J.

    Args:
        alpha: Length of the anticipated step; 0 for the other player's learning rate.

    Raises:
        BadSetting: `alpha` is negative.
        RuleUndefined: The game has no second derivatives.
    """

    also = ("lcgd",)

    def __init__(self, alpha: float = 0.0):
        check_number("alpha", alpha, least=0)
        self.alpha = alpha

    def step(self, turn: Turn) -> None:
        v = turn.field.gradients()
        foreseen = times(turn.foresight(self.alpha), v)
        turn.move(plus(v, turn.field.cross(foreseen), -1.0))

    def linear_map(self, game: LinearGame) -> LinearMap:
        alpha = self.alpha * game.I if self.alpha else game.E
        return LinearMap(game.I - game.E @ (game.I - game.H @ alpha) @ game.J)

    def cost(self) -> Cost:
        return Cost(2, 2)
