"""Matching pennies: the smallest game whose only equilibrium is mixed, played by two coins with a logit each.

Each player shows heads with probability p = σ(x) or q = σ(y). Even wins a penny where the two match, odd where they do not, so even's
expected gain is u = pq + (1 − p)(1 − q) − p(1 − q) − (1 − p)q = (2p − 1)(2q − 1), and

    L₁(x, y) = −λ (2p − 1)(2q − 1)        L₂(x, y) = λ (2p − 1)(2q − 1)        2σ(x) − 1 = tanh(x/2)

The answer is p = q = ½, where x = y = 0 and the field's Jacobian is [[0, −¼], [¼, 0]]: the players circle around it.

J. von Neumann, "Zur Theorie der Gesellschaftsspiele", Mathematische Annalen 100 (1928), 295–320.
"""

from typing import Any

import torch
from torch import Tensor

from arena import Game, PlayerSource, Rng, Slot, register
from arena.players import Vector


@register("matching-pennies")
class MatchingPennies(Game):
    """Two coins, one that wants to match the other and one that does not.

    Args:
        even: x, the logit of heads of the player who wins where the pennies match.
        odd: y, the logit of heads of the player who wins where they differ.

    Raises:
        SlotMismatch: for a player that does not fit.

    Example:
        >>> game = MatchingPennies(Vector(1, start=0.0), Vector(1, start=0.0))
        >>> game.score().item()
        0.0
    """

    zero_sum = True
    solved_at = 1e-6
    recipe = {
        "turns": 500,
        "even.optimizer": "sgd",
        "even.lr": 0.5,  # a round takes 8π/η turns, so this shows about ten of them
        "odd.optimizer": "sgd",
        "odd.lr": 0.5,
        "trace.every": 5,
        "score.every": 5,
        "picture.every": 0,
    }

    def __init__(self, even: PlayerSource = Vector, odd: PlayerSource = Vector):
        super().__init__(even=Slot(None, (1,), even), odd=Slot(None, (1,), odd))

    def sample(self, rng: Rng) -> None:
        return None  # the expectation over both coins is exact

    def losses(self, batch: None, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        even, odd = self._leanings()
        gain = coupling * (even * odd).sum()
        return {"even": -gain, "odd": gain}

    def score(self) -> Tensor:
        """The duality gap |2p − 1| + |2q − 1|, also called exploitability.

        It is what best responses would win: against q, even's best p gains max ±(2q − 1) = |2q − 1|, and against p, odd's best q gains
        |2p − 1|; the gap max_p u − min_q u is their sum. It vanishes at the equilibrium and nowhere else.
        """
        return torch.cat(self._leanings()).abs().sum()

    def solution(self) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name, p in self.named_parameters()}

    def picture(self) -> Any:
        """Where the two logits stand in the field's arrows."""
        from arena.plots.style import arrows

        return arrows(self)

    def _leanings(self) -> list[Tensor]:
        """2p − 1 and 2q − 1: how far each coin leans towards heads."""
        return [(self.players[role]() / 2).tanh() for role in self.roles]
