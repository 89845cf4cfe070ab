"""The share of rotation in the change of the field along itself.

    J = S + A,   S = (J + Jᵀ)/2,   A = (J − Jᵀ)/2,   share = ‖Av‖² / (‖Av‖² + ‖Sv‖²) ∈ [0, 1]

v is the field of gradients, J its Jacobian. A turns v and S stretches it (Balduzzi et al. 2018, arXiv:1802.05642): 1 on f = xy, where
descent circles, and 0 if J is symmetric, as in the minimisation of one loss.
"""

import math

import torch

from arena.core.directions import dot
from arena.core.game import Game
from arena.core.protocols import MeasuredGame
from arena.diagnostics.base import Cost, Diagnostic


class Rotation(Diagnostic):
    """Rotation: the share of the antisymmetric part of the Jacobian in its product with the field.

    `share` = ‖Av‖² / (‖Av‖² + ‖Sv‖²), `antisymmetric` = ‖Av‖/‖v‖ and `symmetric` = ‖Sv‖/‖v‖; undefined if v = 0.

    Cost: for each part that moves, one gradient evaluation and 2 products.

    Example:
        >>> from arena import Arena
        >>> from arena.games import Bilinear
        >>> Rotation().measure(Arena(Bilinear))["share"]
        1.0
    """

    def measure(self, arena: MeasuredGame) -> dict[str, float]:
        with self.looking(arena) as field:
            v = field.gradients()
            forward, backward = field.jvp(v), field.vjp(v)
            turned = {name: (forward[name] - backward[name]) / 2 for name in v}
            stretched = {name: (forward[name] + backward[name]) / 2 for name in v}
            size, turn, stretch = torch.stack([dot(d, d) for d in (v, turned, stretched)]).tolist()
        return {
            "share": turn / (turn + stretch) if turn + stretch else math.nan,
            "antisymmetric": math.sqrt(turn / size) if size else math.nan,
            "symmetric": math.sqrt(stretch / size) if size else math.nan,
        }

    def cost(self, game: Game) -> Cost:
        return Cost(gradient_evaluations=len(game.keys), products=2 * len(game.keys))
