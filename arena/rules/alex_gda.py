"""Alternating-extrapolation descent (Alex-GDA): each player responds to an extrapolation of the other's latest move.

    x⁺ = x − η ∇ₓL₁(x, ỹ),     x̃⁺ = x + γ(x⁺ − x)
    y⁺ = y − η ∇ᵧL₂(x̃⁺, y),    ỹ⁺ = y + δ(y⁺ − y)

J. Lee et al., "Fundamental Benefit of Alternating Updates in Minimax Optimization", arXiv:2402.10475. γ = δ = 1 is alternating descent. On
f = xy with γ = 1 its spectral radius is √(1 − (δ − 1)η²).
"""

import torch

from arena.core.directions import copied, is_zero, plus, times
from arena.errors import check_number
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn


class AlexGDA(UpdateRule):
    """x⁺ = x − η ∇ₓL₁(x, ỹ), then y⁺ = y − η ∇ᵧL₂(x̃⁺, y), where x̃ and ỹ overshoot the latest moves by γ and δ.

    Cost: one gradient per mover.

    Args:
        gamma: Extrapolation of player 1's move, at least 0.
        delta: Extrapolation of player 2's move, at least 0; above 1 the rule converges on f = xy.

    Raises:
        BadSetting: A factor is negative.
    """

    def __init__(self, gamma: float = 1.0, delta: float = 2.0):
        check_number("gamma", gamma, least=0)
        check_number("delta", delta, least=0)
        self.gamma, self.delta = gamma, delta

    def step(self, turn: Turn) -> None:
        field = turn.field
        for role in turn.roles:
            mover = {name: field.moving[name].detach() for name in field.names_of(role)}
            others = {name: p.detach() for name, p in field.moving.items() if name not in mover}
            overshoot = self.recall("overshoot", others)  # ỹ − y, or x̃ − x
            displaced = plus(others, overshoot) if self.memory.get("overshoot", {}).keys() & others.keys() else None
            factor = (self.gamma if role == field.game.roles[0] else self.delta) - 1.0
            before = mover if is_zero(factor) else copied(mover)
            turn.move(field.gradients(displaced, of=field.keys_of(role), statistics=True), roles=[role])
            if not is_zero(factor):
                self.remember("overshoot", times(factor, plus(mover, before, -1.0)))

    def linear_map(self, game: LinearGame) -> LinearMap:
        first, second = game.P(1), game.P(2)
        whole = game.I.new_zeros(0)
        for mover, other, factor in ((first, second, self.gamma), (second, first, self.delta)):
            # the player's move as a function of (z, overshoot), with the other player displaced by its overshoot
            move = torch.cat([-game.E @ mover @ game.J, -game.E @ mover @ game.J @ other], dim=1)
            stays = torch.block_diag(game.I, other)
            half = stays + torch.cat([move, (factor - 1) * move])
            whole = half @ whole if len(whole) else half
        return LinearMap(whole)

    def cost(self) -> Cost:
        return Cost(2)
