"""Unrolled descent: player 1 differentiates its loss through k steps of player 2, which moves as usual.

    x⁺ = x − η d/dx L₁(x, yₖ(x)),    yᵢ₊₁ = yᵢ − α ∇ᵧL₂(x, yᵢ), y₀ = y,    y⁺ = y − η ∇ᵧL₂(x, y)

L. Metz et al., "Unrolled Generative Adversarial Networks", arXiv:1611.02163. The steps are plain gradient steps, for any optimizer of
player 2. On f = xy and α = η the spectral radius is √(1 − (2k − 1)η²) while the eigenvalues are complex.
"""

import torch
from torch import Tensor

from arena.core.directions import Direction, Number, plus
from arena.core.field.field import Field
from arena.errors import check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap, blocks
from arena.rules.turn import Turn


class Unrolled(UpdateRule):
    """x⁺ = x − η d/dx L₁(x, yₖ(x)), with yₖ(x) the other player after k anticipated steps; y⁺ = y − η ∇ᵧL₂(x, y).

    Cost: k + 2 gradients, and k products on the way back through the steps.

    Args:
        steps: k, at least 0; 0 is simultaneous descent.
        alpha: Length of an anticipated step; 0 for the other player's learning rate.
        player: Player that differentiates through the other's steps, 1 or 2.

    Raises:
        BadSetting: A number is out of its range.
        RuleUndefined: The game has no second derivatives.
    """

    def __init__(self, steps: int = 5, alpha: float = 0.0, player: int = 1):
        check_number("steps", steps, least=0, whole=True)
        check_number("alpha", alpha, least=0)
        check_number("player", player, least=1, most=2, whole=True)
        self.steps, self.alpha, self.player = steps, alpha, player

    def step(self, turn: Turn) -> None:
        field = turn.field
        roles = field.game.roles if self.player == 1 else field.game.roles[::-1]
        looking, other = roles
        direction: Direction = {}
        if other in turn.roles:
            direction |= field.gradients(of=field.keys_of(other))
        if looking in turn.roles:
            direction |= self._through(field, looking, other, turn.step_length(self.alpha, other))
        turn.move(direction)

    def _through(self, field: Field, looking: str, other: str, alpha: Number) -> Direction:
        mover = {name: field.moving[name].detach().requires_grad_() for name in field.names_of(looking)}
        foreseen: dict[str, Tensor] = {}
        for key in field.game.keys_of(other):
            foreseen |= {name: p.detach().requires_grad_() for name, p in field.parameters[key].items()}
        for _ in range(self.steps):
            ahead = dict(foreseen)
            for key in field.game.keys_of(other):
                names = list(field.parameters[key])
                gradient = field.gradient_of(key, names, {**mover, **foreseen})[1]
                ahead |= plus({name: foreseen[name] for name in names}, gradient, -alpha)
            foreseen = ahead
        field.products += self.steps * len(field.game.keys_of(other))
        direction: Direction = {}
        for key in field.keys_of(looking):
            names = list(field.parameters[key])
            loss, gradient = field.gradient_of(key, names, {**mover, **foreseen})
            direction |= {name: g.detach() for name, g in gradient.items()}
            field.record({key: loss.detach()}, direction, [key])
        return direction

    def linear_map(self, game: LinearGame) -> LinearMap:
        me, other = self.player, 3 - self.player
        alpha = self.alpha or game.rates[other - 1]
        one_step = torch.eye(len(game.block(other, other)), dtype=game.J.dtype) - alpha * game.block(other, other)
        power = torch.linalg.matrix_power
        moved = -alpha * sum((power(one_step, i) for i in range(self.steps)), 0 * one_step) @ game.block(other, me)  # dyₖ/dx
        across = game.block(me, other)
        mover = game.block(me, me) + across @ moved + moved.T @ across.T
        rows = {me: {me: mover, other: across @ power(one_step, self.steps)}}
        rows[other] = {me: game.block(other, me), other: game.block(other, other)}
        return LinearMap(game.I - game.E @ blocks([[rows[i][j] for j in (1, 2)] for i in (1, 2)]))

    def cost(self) -> Cost:
        return Cost(self.steps + 2, self.steps)
