"""Extragradient: z̃ = z − γη v(z), z⁺ = z − η v(z̃): a step along the gradient at the look-ahead.

G. M. Korpelevich, "The extragradient method for finding saddle points", 1976; for GANs and over Adam: G. Gidel et al.,
"A Variational Inequality Perspective on Generative Adversarial Networks", arXiv:1802.10551.
"""

from typing import Literal

from arena.errors import check_choice, check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn


class Extragradient(UpdateRule):
    """z⁺ = z − η v(z − γη v(z)), with the look-ahead a real step of each mover's optimizer.

    Cost: two gradients per mover. On a quadratic game v = Jz with SGD it is the map I − ηJ(I − γηJ); on f = xy and γ = 1 its
    spectral radius is √(1 − η² + η⁴).

    Args:
        gamma: Length of the look-ahead as a multiple of the learning rate, above 0.
        batch: Batch of the second gradient, the same or a fresh one.
        moments: Whether the look-ahead's update of the optimizer's state is kept (ExtraAdam, which updates twice) or restored.

    Raises:
        BadSetting: `gamma` is not a finite number above 0.
    """

    def __init__(self, gamma: float = 1.0, batch: Literal["same", "fresh"] = "same", moments: Literal["kept", "restored"] = "kept"):
        check_number("gamma", gamma, above=0)
        check_choice("batch", batch, ["same", "fresh"])
        check_choice("moments", moments, ["kept", "restored"])
        self.gamma, self.batch, self.moments = gamma, batch, moments

    def step(self, turn: Turn) -> None:
        start = turn.position(moments=self.moments == "restored")
        turn.move(turn.field.gradients(), scale=self.gamma)
        if self.batch == "fresh":
            turn.fresh_batch()
        ahead = turn.field.gradients()
        turn.restore(start)
        turn.move(ahead)

    def linear_map(self, game: LinearGame) -> LinearMap:
        return LinearMap(game.I - game.E @ game.J @ (game.I - self.gamma * game.E @ game.J))

    def cost(self) -> Cost:
        return Cost(4)
