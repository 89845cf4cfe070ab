"""LOLA, learning with opponent-learning awareness: each player anticipates the other's step and its own influence on that step.

    z⁺ = z − η (v − H α v − Hᵀ α c),    c = (∇ₓL₂, ∇ᵧL₁)

The first correction is LookAhead's; the second is the derivative, through the other's step −α v, of what that step does to one's own
loss. J. Foerster et al., "Learning with Opponent-Learning Awareness", arXiv:1709.04326, equation 4.4 in general form. In zero-sum games
c = −v exchanged, both corrections are equal, and it is symplectic gradient adjustment with λ = 2α on the off-diagonal blocks.
"""

from arena.core.directions import plus, times
from arena.errors import check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn


class LOLA(UpdateRule):
    """z⁺ = z − η (v − H α v − Hᵀ α c), with c the gradient of each player's loss in the other's parameters.

    Cost: two gradients and two products per mover. On a quadratic game v = Jz, where c = Hᵀz, it is the map I − η(J − HαJ − HᵀαHᵀ); on
    f = xy its spectral radius is √((1 − 2ηα)² + η²).

    Args:
        alpha: Length of the anticipated step; 0 for the other player's learning rate.

    Raises:
        BadSetting: `alpha` is negative.
        RuleUndefined: The game has no second derivatives.
    """

    def __init__(self, alpha: float = 0.0):
        check_number("alpha", alpha, least=0)
        self.alpha = alpha

    def step(self, turn: Turn) -> None:
        field, alpha = turn.field, turn.foresight(self.alpha)
        v = field.gradients(keep=True)
        if len(turn.roles) == 2:
            shaping = field.cross_transposed(times(alpha, field.gradients_for_others()))
            v = plus(plus(v, field.cross(times(alpha, v)), -1.0), shaping, -1.0)
        turn.move(v)

    def linear_map(self, game: LinearGame) -> LinearMap:
        alpha = self.alpha * game.I if self.alpha else game.E
        return LinearMap(game.I - game.E @ (game.J - game.H @ alpha @ game.J - game.H.T @ alpha @ game.H.T))

    def cost(self) -> Cost:
        return Cost(4, 4)
