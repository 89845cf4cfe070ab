"""The game under examination, and measurements that several checks share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from arena.core.directions import Direction
from arena.core.field.field import Field
from arena.core.game import Batch, Game
from arena.core.rng import Rng, global_streams


@dataclass
class Subject:
    """The game under examination; `build` returns a new one."""

    build: Callable[[], Game]

    def game(self, seed: int = 0, dtype: torch.dtype = torch.float64) -> Game:
        """Build the game with the parameters of a seed."""
        with global_streams(seed=seed):
            return self.build().to(dtype)

    def batch(self, game: Game, seed: int = 0) -> Batch:
        """Draw a batch in the game's precision."""
        dtype = next((p.dtype for p in game.parameters()), torch.float64)
        drawn = game.sample(Rng().seed_both(seed, seed + 1))
        return tree_map(lambda t: t.to(dtype) if isinstance(t, Tensor) and t.is_floating_point() else t, drawn)

    def field(self, game: Game, coupling: float = 1.0, seed: int = 0) -> Field:
        """Freeze the game's field on a batch; `coupling` is a share of the game's maximum."""
        field = Field(game)
        field.jointly = False  # `joint_loss_is_the_field` compares the joint pass with the explicit losses
        field.freeze(self.batch(game, seed), coupling * game.max_coupling, seed=seed)
        return field


def losses_of(game: Game, batch: Batch, movers: tuple[str, ...], coupling: float | Tensor | None = None) -> dict[str, Tensor]:
    """Evaluate the losses, at full coupling by default, with the random streams that players have in a turn of a run."""
    coupling = game.max_coupling if coupling is None else coupling
    field = Field(game)
    field.freeze(batch, coupling, seed=0)
    with field.same_masks():
        return {key: loss.detach() for key, loss in game(batch, coupling, movers).items()}


def random_direction(like: Mapping[str, Tensor], seed: int) -> Direction:
    """Draw a direction of length 1."""
    rng = torch.Generator().manual_seed(seed)
    drawn = {name: torch.randn(p.shape, generator=rng, dtype=torch.float64).to(p) for name, p in like.items()}
    length = float(torch.stack([d.norm() for d in drawn.values()]).norm()) or 1.0
    return {name: d / length for name, d in drawn.items()}


def equal(first: list[Any], second: list[Any]) -> bool:
    """Return whether two lists hold bitwise equal tensors and equal other values."""
    pairs = zip(first, second, strict=True)
    return len(first) == len(second) and all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in pairs)
