"""Symplectic gradient adjustment: z⁺ = z − η (v + λ Aᵀv) with A = (J − Jᵀ)/2, the rotational part of the field.

D. Balduzzi et al., "The Mechanics of n-Player Differentiable Games", arXiv:1802.05642. The sign of λ is aligned (their section 3.5): it is
that of ⟨v, ∇𝓗⟩⟨Aᵀv, ∇𝓗⟩/d + ε with ∇𝓗 = Jᵀv and d the number of parameters, so that the adjustment pulls towards stable fixed
points and away from unstable ones. ε decides the sign if the product vanishes, as it does on f = xy. Computed, that product is rounding
error, which outgrows ε far from the origin; so an inner product ⟨a, b⟩ with |⟨a, b⟩| ≤ 100 u ‖a‖‖b‖ counts as 0, u being the machine
precision.
"""

import torch
from torch import Tensor

from arena.core.directions import Direction, plus, times
from arena.core.field.field import Field
from arena.errors import check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap

ROUNDING = 100.0
"""Size in machine precisions, relative to ‖a‖‖b‖, up to which ⟨a, b⟩ counts as 0."""


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
        norm = lambda a: field.dot(a, a).sqrt()  # noqa: E731
        size = norm(pulled)
        descends, turns = (_unless_rounding(field.dot(a, pulled), norm(a) * size) for a in (v, adjustment))
        sign = torch.sign(descends * turns / field.count + self.epsilon)
        return plus(v, adjustment, self.lambda_ * sign)

    def linear_map(self, game: LinearGame) -> LinearMap:
        transposed = (game.J.T - game.J) / 2
        sign = 1.0
        if self.align and game.z is not None:
            v = game.J @ game.z
            pulled, adjustment = game.J.T @ v, transposed @ v
            descends, turns = (_unless_rounding(a @ pulled, a.norm() * pulled.norm()) for a in (v, adjustment))
            sign = float(torch.sign(descends * turns / len(v) + self.epsilon))
        return LinearMap(game.I - game.E @ (game.I + sign * self.lambda_ * transposed) @ game.J)

    def cost(self) -> Cost:
        return Cost(2, 4)


def _unless_rounding(product: Tensor, sizes: Tensor) -> Tensor:
    """Return an inner product, or 0 if it is within rounding error of 0 for vectors of these norms, multiplied."""
    return torch.where(product.abs() <= ROUNDING * torch.finfo(product.dtype).eps * sizes, 0 * product, product)
