"""Symplectic gradient adjustment: z⁺ = z − η (v + λ Aᵀv) with A = (J − Jᵀ)/2, the rotational part of the field.

D. Balduzzi et al., "The Mechanics of n-Player Differentiable Games", arXiv:1802.05642. The sign of λ is aligned (their section 3.5): it is
that of ⟨v, ∇𝓗⟩⟨Aᵀv, ∇𝓗⟩/d + ε with ∇𝓗 = Jᵀv and d the number of parameters, so that the adjustment pulls towards stable fixed
points and away from unstable ones. ε decides the sign if the product vanishes, as it does on f = xy.
"""

import torch

from arena.core.directions import Direction, plus, times
from arena.core.field.field import Field
from arena.errors import check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap


class SymplecticGradientAdjustment(UpdateRule):
    """z⁺ = z − η (v ± λ Aᵀv).

    Cost: one gradient and two products per mover. On a quadratic game v = Jz it is the map I − η(I ± λAᵀ)J.

    Args:
        lambda_: Size of the adjustment, at least 0.
        align: Choose the sign of λ at every step; otherwise λ is positive.
        epsilon: Added before the sign is taken, above 0.

    Raises:
        BadSetting: A number is out of its range.
        RuleUndefined: The game has no second derivatives.
    """

    also = ("sga",)

    def __init__(self, lambda_: float = 1.0, align: bool = True, epsilon: float = 0.1):
        check_number("lambda_", lambda_, least=0)
        check_number("epsilon", epsilon, above=0)
        self.lambda_, self.align, self.epsilon = lambda_, align, epsilon

    def direction(self, field: Field) -> Direction:
        v = field.gradients(keep=True)
        pulled, pushed = field.vjp(v), field.jvp(v)
        adjustment = times(0.5, plus(pulled, pushed, -1.0))
        if not self.align:
            return plus(v, adjustment, self.lambda_)
        sign = torch.sign(field.dot(v, pulled) * field.dot(adjustment, pulled) / field.count + self.epsilon)
        return plus(v, adjustment, self.lambda_ * sign)

    def linear_map(self, game: LinearGame) -> LinearMap:
        transposed = (game.J.T - game.J) / 2
        sign = 1.0
        if self.align and game.z is not None:
            v = game.J @ game.z
            pulled = game.J.T @ v
            sign = float(torch.sign((v @ pulled) * (transposed @ v @ pulled) / len(v) + self.epsilon))
        return LinearMap(game.I - game.E @ (game.I + sign * self.lambda_ * transposed) @ game.J)

    def cost(self) -> Cost:
        return Cost(2, 4)
