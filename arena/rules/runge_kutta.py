"""Runge–Kutta steps along the flow ż = −v(z): both players move in every stage.

    order 2 (Heun)   z⁺ = z − η/2 (k₁ + k₂),                k₂ = v(z − ηk₁)
    order 4          z⁺ = z − η/6 (k₁ + 2k₂ + 2k₃ + k₄),    k₂ = v(z − η/2 k₁), k₃ = v(z − η/2 k₂), k₄ = v(z − ηk₃)

with k₁ = v(z). C. Qin et al., "Training Generative Adversarial Networks by Solving Ordinary Differential Equations", arXiv:2010.15040.
On f = xy the spectral radii are √(1 + η⁴/4) and √(1 − η⁶/72 + η⁸/576).
"""

from arena.core.directions import plus, times
from arena.errors import BadSetting
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn

# By order: each stage's distance along the previous gradient, and the weights of the stages.
_STAGES = {2: ((0.0, 1.0), (1 / 2, 1 / 2)), 4: ((0.0, 1 / 2, 1 / 2, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6))}


class RungeKutta(UpdateRule):
    """z⁺ = z − η Σ bᵢkᵢ, the stages being gradients at positions displaced by plain steps.

    Cost: `order` gradients per mover. On a quadratic game v = Jz it is the first `order` + 1 terms of the exponential series of −ηJ.

    Args:
        order: 2 (Heun) or 4.

    Raises:
        BadSetting: `order` is neither 2 nor 4.
    """

    also = ("rk", "ode-gan")

    def __init__(self, order: int = 4):
        if order not in _STAGES:
            raise BadSetting("order", order, "2 or 4")
        self.order = order

    def step(self, turn: Turn) -> None:
        rates = turn.learning_rates()
        start = {name: p.detach() for name, p in turn.field.moving.items()}
        nodes, weights = _STAGES[self.order]
        stage = turn.field.gradients()
        total = times(weights[0], stage)
        for node, weight in zip(nodes[1:], weights[1:], strict=True):
            stage = turn.field.gradients(plus(start, times(rates, stage), -node))
            total = plus(total, stage, weight)
        turn.move(total)

    def linear_map(self, game: LinearGame) -> LinearMap:
        total = term = game.I
        for i in range(1, self.order + 1):
            term = -game.E @ game.J @ term / i
            total = total + term
        return LinearMap(total)

    def cost(self) -> Cost:
        return Cost(2 * self.order)
