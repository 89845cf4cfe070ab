"""Alternating gradient descent on one frozen batch: x⁺ = x − η ∇ₓL₁(x, y), then y⁺ = y − η ∇ᵧL₂(x⁺, y).

G. Gidel et al., "Negative Momentum for Improved Game Dynamics", arXiv:1807.04740, section 3. On f = xy it circles: its spectral radius is 1
for η < 2, and x² + y² − ηxy is conserved exactly. The scheduler of the same name also alternates, with a fresh batch for each move.
"""

from arena.errors import check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn


class Alternating(UpdateRule):
    """(x, y) → (x⁺, y) → (x⁺, y⁺): the second player responds to the first one's move, on the same batch.

    Cost: one gradient per mover. On a quadratic game v = Jz it is the map (I − ηP₂J)(I − ηP₁J).

    Args:
        first: Player that moves first, 1 or 2.

    Raises:
        BadSetting: `first` is neither 1 nor 2.
    """

    def __init__(self, first: int = 1):
        check_number("first", first, least=1, most=2, whole=True)
        self.first = first

    def step(self, turn: Turn) -> None:
        for role in turn.in_order(self.first):
            turn.move(turn.field.gradients(of=turn.field.keys_of(role)), roles=[role])

    def linear_map(self, game: LinearGame) -> LinearMap:
        first, second = (game.I - game.E @ game.P(player) @ game.J for player in (self.first, 3 - self.first))
        return LinearMap(second @ first)

    def cost(self) -> Cost:
        return Cost(2)
