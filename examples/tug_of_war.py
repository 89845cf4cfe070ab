"""A complete custom game. Check it by `arena check examples/tug_of_war.py`, play it by `arena play examples/tug_of_war.py`."""

import torch

from arena import Game, register
from arena.players import Vector


@register("tug-of-war")
class TugOfWar(Game):
    """min over x, max over y of x·My, with M = I + noise drawn per batch. The solution is x = y = 0."""

    zero_sum = True

    def __init__(self, dim: int = 4, noise: float = 0.1):
        super().__init__(left=Vector(dim), right=Vector(dim))
        self.dim, self.noise = dim, noise

    def sample(self, rng):  # D = dim
        return torch.eye(self.dim) + self.noise * torch.randn(self.dim, self.dim, generator=rng)

    def losses(self, m_DD, coupling, movers):
        pull = coupling * (self.players["left"]() @ m_DD @ self.players["right"]())
        return {"left": pull, "right": -pull}

    def score(self):  # distance to the solution: lower is better
        return sum(p().norm() ** 2 for p in self.players.values()).sqrt()
