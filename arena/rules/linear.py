"""Quadratic games as matrices, and the linear maps that rules claim on them: the theory that checks compare with.

Two players with losses L₁ = ½xᵀJ₁₁x + xᵀJ₁₂y and L₂ = ½yᵀJ₂₂y + yᵀJ₂₁x have the linear field v(z) = Jz at z = (x, y), and with plain SGD
every published rule is a linear map of z and of the rule's memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class LinearGame:
    """A quadratic game as matrices.

    Args:
        jacobian: J, n × n.
        split: Number of rows of player 1.
        rates: Learning rate of each player.
        z: Position at the start of the turn, n numbers, for rules that depend on it.

    Example:
        >>> game = LinearGame(torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), 1, (0.1, 0.2))
        >>> game.H.tolist(), game.E.diagonal().tolist()
        ([[0.0, 1.0], [-1.0, 0.0]], [0.10000000149011612, 0.20000000298023224])
    """

    jacobian: Tensor
    split: int
    rates: tuple[float, float]
    z: Tensor | None = None

    @property
    def J(self) -> Tensor:  # noqa: N802  the papers' names
        return self.jacobian

    @property
    def I(self) -> Tensor:  # noqa: N802, E743
        """The identity."""
        return torch.eye(len(self.jacobian), dtype=self.jacobian.dtype)

    @property
    def E(self) -> Tensor:  # noqa: N802
        """The learning rates on the diagonal."""
        return self.diagonal(self.rates)

    @property
    def H(self) -> Tensor:  # noqa: N802
        """J without each player's own block."""
        return self.jacobian - self.P(1) @ self.jacobian @ self.P(1) - self.P(2) @ self.jacobian @ self.P(2)

    def P(self, player: int) -> Tensor:  # noqa: N802
        """The projection on a player's numbers, n × n."""
        return self.diagonal((1.0, 0.0) if player == 1 else (0.0, 1.0))

    def block(self, row: int, column: int) -> Tensor:
        """Return one of the four blocks of J, by player."""
        return self.jacobian[self.rows(row), self.rows(column)]

    def rows(self, player: int) -> slice:
        """Return the rows of a player."""
        return slice(0, self.split) if player == 1 else slice(self.split, None)

    def diagonal(self, numbers: Sequence[float]) -> Tensor:
        """Return a diagonal matrix from one number per player."""
        first, second = numbers
        values = [first] * self.split + [second] * (len(self.jacobian) - self.split)
        return torch.tensor(values, dtype=self.jacobian.dtype).diag()


class LinearMap(NamedTuple):
    """The map of (z, memory) by one turn, or by `turns` turns.

    Args:
        matrix: (n + m) × (n + m), on z and the m numbers of the rule's memory.
        start: M × n, the memory before the first turn as a function of z; None for zeros.
        turns: Number of turns of the matrix.
    """

    matrix: Tensor
    start: Tensor | None = None
    turns: int = 1

    def spectral_radius(self) -> float:
        """Return ρ per turn: the factor by which the distance to the solution shrinks (below 1) or grows in the long run.

        Example:
            >>> round(LinearMap(torch.tensor([[1.0, -0.1], [0.1, 1.0]])).spectral_radius(), 6)
            1.004988
        """
        return float(torch.linalg.eigvals(self.matrix.double()).abs().max()) ** (1 / self.turns)

    def begin(self, z: Tensor) -> Tensor:
        """Return (z, memory) before the first turn."""
        remembered = len(self.matrix) - len(z)
        memory = self.start @ z if self.start is not None else z.new_zeros(remembered)
        return torch.cat([z, memory])


def blocks(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return a matrix from rows of blocks."""
    return torch.cat([torch.cat(list(row), dim=1) for row in rows])
