"""Matching pennies: the smallest game whose only equilibrium is mixed, played by two coins with one logit each.

The coins show heads with probabilities p = σ(x) and q = σ(y). Even wins a penny if they match, odd if they differ. Even's expected gain
is u = pq + (1 − p)(1 − q) − p(1 − q) − (1 − p)q = (2p − 1)(2q − 1), so

    L₁(x, y) = −λ (2p − 1)(2q − 1)        L₂(x, y) = λ (2p − 1)(2q − 1)        2σ(x) − 1 = tanh(x/2)

At the equilibrium p = q = ½, that is x = y = 0, the Jacobian of the field is [[0, −¼], [¼, 0]]: the players rotate around it.

J. von Neumann, "Zur Theorie der Gesellschaftsspiele", Mathematische Annalen 100 (1928), 295–320.
"""

from typing import Any

import torch
from torch import Tensor

from arena.core.game import Game, for_roles
from arena.core.rng import Rng
from arena.core.slot import PlayerSource, Slot
from arena.players import Vector
from arena.registry.entries import register


@register("matching-pennies")
class MatchingPennies(Game):
    """Two coins: even wants to match, odd wants to differ.

    Args:
        even: x, the logit of heads of the player who wins if the coins match.
        odd: y, the logit of heads of the player who wins if they differ.

    Raises:
        SlotMismatch: A player does not fit.

    Example:
        >>> game = MatchingPennies(Vector(1, start=0.0), Vector(1, start=0.0))
        >>> game.score().item()
        0.0
    """

    zero_sum = True
    solved_at = 1e-6
    score_is = "duality gap"
    recipe = {
        "turns": 500,
        **for_roles("even", "odd", optimizer="sgd", lr=0.5),  # a rotation takes 8π/η turns, so a run shows about ten
        "trace.every": 5,
        "score.every": 5,
        "picture.every": 0,
    }

    def __init__(self, even: PlayerSource = Vector, odd: PlayerSource = Vector):
        super().__init__(even=Slot(None, (1,), even), odd=Slot(None, (1,), odd))

    def sample(self, rng: Rng) -> None:
        return None  # the expectation over both coins is exact

    def losses(self, batch: None, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        even, odd = self._biases()
        gain = coupling * (even * odd).sum()
        return {"even": -gain, "odd": gain}

    def score(self) -> Tensor:
        """Return the duality gap |2p − 1| + |2q − 1|, also called exploitability: the sum of the gains of best responses.

        Against q, even's best response gains max ±(2q − 1) = |2q − 1|; against p, odd's gains |2p − 1|. The gap vanishes only at
        the equilibrium.
        """
        return torch.cat(self._biases()).abs().sum()

    def solution(self) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name, p in self.named_parameters()}

    def picture(self) -> Any:
        """Draw the logits in the vector field."""
        from arena.plots.vector_field import arrows

        return arrows(self)

    def _biases(self) -> list[Tensor]:
        """Return 2p − 1 and 2q − 1, each coin's bias towards heads."""
        return [(self.players[role]() / 2).tanh() for role in self.roles]
