"""Quadratic games: the field is linear, v(z) = Jz, so every update rule is a known linear map of z = (x, y).

    L₁(x, y) = ½ xᵀ J₁₁ x + λ xᵀ J₁₂ y        L₂(x, y) = ½ yᵀ J₂₂ y + λ yᵀ J₂₁ x

with symmetric J₁₁ and J₂₂; the solution is x = y = 0 if J has full rank. The bilinear game f = xᵀMy is the case J = [[0, M], [−Mᵀ, 0]].
"""

from typing import Any

import torch
from torch import Tensor

from arena.core.game import Game
from arena.core.rng import Rng
from arena.core.slot import PlayerSource, Slot
from arena.errors import BadSetting, check_number
from arena.players import Vector
from arena.registry.entries import register


@register("quadratic")
class Quadratic(Game):
    """Two vectors in a linear field v = Jz, for any J with symmetric diagonal blocks.

    Args:
        x: Player 1, a vector.
        y: Player 2, a vector.
        matrix: J, square, by rows.
        split: Number of rows that belong to x; 0 for half of them.

    Raises:
        BadSetting: J is not square, too small or not finite, or a diagonal block is not symmetric.

    Example:
        >>> game = Quadratic(matrix=[[1.0, 2.0, 0.0], [-2.0, 1.0, 0.5], [0.0, 0.5, 1.0]], split=1)
        >>> [tuple(p().shape) for p in game.players.values()]
        [(1,), (2,)]
    """

    jacobian: Tensor
    recipe = {"turns": 200, "x.optimizer": "sgd", "y.optimizer": "sgd", "trace.every": 10, "score.every": 10, "picture.every": 0}
    solved_at = 1e-6
    score_is = "distance to the solution"

    def __init__(
        self,
        x: PlayerSource = Vector,
        y: PlayerSource = Vector,
        matrix: tuple[tuple[float, ...], ...] = ((0.5, 1.0), (-1.0, 0.5)),
        split: int = 0,
    ):
        size = len(matrix)
        check_number("split", split, least=0, most=max(size - 1, 0), whole=True)
        if size < 2 or any(len(row) != size for row in matrix):
            raise BadSetting("matrix", [list(row) for row in matrix], "square with at least two rows")
        first = split or size // 2
        jacobian = torch.tensor([[float(n) for n in row] for row in matrix], dtype=torch.float64)
        if not jacobian.isfinite().all():
            raise BadSetting("matrix", jacobian.tolist(), "finite")
        for block in (jacobian[:first, :first], jacobian[first:, first:]):
            if not torch.equal(block, block.T):
                raise BadSetting("matrix", block.tolist(), "symmetric in its diagonal blocks, which are second derivatives of a loss")
        super().__init__(x=Slot(None, (first,), x), y=Slot(None, (size - first,), y))
        self.constant("jacobian", jacobian)
        self.first = first

    def sample(self, rng: Rng) -> None:
        return None  # nothing is random

    def losses(self, batch: None, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        x, y = self.players["x"](), self.players["y"]()
        j, n = self.jacobian, self.first
        return {
            "x": x @ j[:n, :n] @ x / 2 + coupling * (x @ j[:n, n:] @ y),
            "y": y @ j[n:, n:] @ y / 2 + coupling * (y @ j[n:, :n] @ x),
        }

    def score(self) -> Tensor:
        """Return the distance to the solution, ‖z‖."""
        return torch.cat([p() for p in self.players.values()]).norm()

    def solution(self) -> dict[str, Tensor]:
        return {name: torch.zeros_like(p) for name, p in self.named_parameters()}

    def picture(self) -> Any:
        """Draw the players in the vector field if each is one number; None otherwise."""
        from arena.plots.vector_field import arrows

        return arrows(self)


@register("bilinear")
class Bilinear(Quadratic):
    """min over x, max over y of xᵀMy with M = scale·I: simultaneous gradient descent spirals outwards.

    Args:
        x: Player 1, who minimises xᵀMy.
        y: Player 2, who maximises it.
        dim: Numbers per player.
        scale: Diagonal entries of M.

    Raises:
        BadSetting: The dimension is below 1, or the scale is not finite.

    Example:
        >>> Bilinear(dim=1).jacobian.tolist()
        [[0.0, 1.0], [-1.0, 0.0]]
    """

    zero_sum = True

    def __init__(self, x: PlayerSource = Vector, y: PlayerSource = Vector, dim: int = 1, scale: float = 1.0):
        check_number("dim", dim, least=1, whole=True)
        check_number("scale", scale)
        m = [[scale if i == j else 0.0 for j in range(dim)] for i in range(dim)]
        zero = [0.0] * dim
        matrix = [[*zero, *row] for row in m] + [[-n for n in row] + zero for row in m]
        super().__init__(x, y, tuple(map(tuple, matrix)), dim)
