"""Optimistic gradient descent: zₜ₊₁ = zₜ − 2η v(zₜ) + η v(zₜ₋₁): the last gradient predicts the next.

C. Daskalakis et al., "Training GANs with Optimism", arXiv:1711.00141; there optimism is on the updates, which over Adam is Optimistic Adam.
On f = xy its spectral radius is √((1 + √(1 − 4η²))/2) for η ≤ ½; it is stable if and only if η < 1/√3.
"""

from typing import Literal

from arena.core.directions import plus, times
from arena.errors import check_choice
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap, blocks
from arena.rules.turn import Turn


class Optimistic(UpdateRule):
    """zₜ₊₁ = zₜ − 2uₜ + uₜ₋₁, where u is η times the gradient, or the optimizer's own update.

    Cost: one gradient per mover. On a quadratic game v = Jz it is z⁺ = z − 2ηJz + ηJz₋₁.

    Args:
        on: Extrapolate gradients, which are then given to the optimizer, or updates, the steps that the optimizer
            makes of plain gradients (Optimistic Adam over Adam). Over plain SGD they are the same.
        first: Gradient or update before the first turn: zero, so that the first step is double (Gidel et al.), or the present
            one, so that it is a plain step (as in optax).

    Raises:
        UnknownName: Unknown choice.
    """

    also = ("ogda", "omd")

    def __init__(self, on: Literal["gradients", "updates"] = "gradients", first: Literal["zero", "present"] = "present"):
        check_choice("on", on, ["gradients", "updates"])
        check_choice("first", first, ["zero", "present"])
        self.on, self.first = on, first

    def step(self, turn: Turn) -> None:
        moving = turn.field.moving
        now = turn.field.gradients()
        if self.on == "updates":
            start = turn.position()
            turn.move(now)
            now = plus({name: p.detach() for name, p in moving.items()}, start.parameters, -1.0)
        before = self.recall("before", moving, now if self.first == "present" else None)
        self.remember("before", now)
        if self.on == "gradients":
            turn.move(plus(times(2.0, now), before, -1.0))
        else:
            turn.place(plus(plus(start.parameters, now, 2.0), before, -1.0))

    def linear_map(self, game: LinearGame) -> LinearMap:
        matrix = blocks([[game.I - 2 * game.E @ game.J, game.E], [game.J, 0 * game.J]])
        return LinearMap(matrix, game.J if self.first == "present" else None)

    def cost(self) -> Cost:
        return Cost(2)
