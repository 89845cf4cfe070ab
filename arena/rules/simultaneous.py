"""Simultaneous gradient descent: z⁺ = z − η v(z), both players stepping from the same point.

On f(x, y) = xy its spectral radius is √(1 + η²) > 1: it spirals out.
"""

from arena.core.directions import Direction
from arena.core.field.field import Field
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap


class Simultaneous(UpdateRule):
    """z⁺ = z − η v(z): every mover follows its own gradient.

    Cost: one gradient per mover. On a quadratic game v = Jz it is the map I − ηJ.
    """

    def direction(self, field: Field) -> Direction:
        return field.gradients()

    def linear_map(self, game: LinearGame) -> LinearMap:
        return LinearMap(game.I - game.E @ game.J)

    def cost(self) -> Cost:
        return Cost(2)
