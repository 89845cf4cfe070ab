"""Extragradient from the past: z̃ₜ = zₜ − γη v(z̃ₜ₋₁), zₜ₊₁ = zₜ − η v(z̃ₜ): the look-ahead reuses the last gradient.

L. D. Popov, "A modification of the Arrow–Hurwicz method for search of saddle points", 1980; G. Gidel et al., arXiv:1802.10551,
section 3.2. Without constraints and with γ = 1 its spectrum is that of the optimistic rule.
"""

from typing import Literal

from arena.core.directions import choose
from arena.errors import check_choice, check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap, blocks
from arena.rules.turn import Turn


class PastExtragradient(UpdateRule):
    """zₜ₊₁ = zₜ − η v(zₜ − γη v(z̃ₜ₋₁)), with the look-ahead a real step of each mover's optimizer.

    Cost: one gradient per mover (one more in the first turn if `first` is present). On a quadratic game v = Jz and with g the
    remembered gradient it is g⁺ = Jz − γηJg, z⁺ = z − ηg⁺.

    Args:
        gamma: Length of the look-ahead as a multiple of the learning rate, above 0.
        moments: Whether the look-ahead's update of the optimizer's state is kept or restored.
        first: Gradient before the first turn: zero, or the present one, which makes the first turn an extragradient step.

    Raises:
        BadSetting: `gamma` is not a finite number above 0.
    """

    also = ("past-eg",)

    def __init__(self, gamma: float = 1.0, moments: Literal["kept", "restored"] = "kept", first: Literal["zero", "present"] = "zero"):
        check_number("gamma", gamma, above=0)
        check_choice("moments", moments, ["kept", "restored"])
        check_choice("first", first, ["zero", "present"])
        self.gamma, self.moments, self.first = gamma, moments, first

    def step(self, turn: Turn) -> None:
        moving = turn.field.moving
        known = self.knows("gradient", moving)
        ahead = known
        past = self.recall("gradient", moving)
        if known is not True and self.first == "present":
            past, ahead = choose(known, past, turn.field.gradients()), True
        if ahead is False:
            gradient = turn.field.gradients()
        else:
            start = turn.position(moments=self.moments == "restored")
            turn.move(past, scale=self.gamma, where=ahead)
            gradient = turn.field.gradients()
            turn.restore(start)
        self.remember("gradient", gradient)
        turn.move(gradient)

    def linear_map(self, game: LinearGame) -> LinearMap:
        g_z, g_g = game.J, -self.gamma * game.J @ game.E
        return LinearMap(blocks([[game.I - game.E @ g_z, -game.E @ g_g], [g_z, g_g]]), game.J if self.first == "present" else None)

    def cost(self) -> Cost:
        return Cost(2)
