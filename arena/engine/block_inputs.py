"""The inputs of recorded turns: batches from the run's own streams, λ, factors of the learning rates, scheduled numbers and masks."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from arena.core.faults import faults_of
from arena.core.game import Batch
from arena.engine.episode import Episode, Moving


class Inputs:
    """The inputs of the next turns of an episode, turn by turn, or the batches of a whole block at once."""

    def __init__(self, episode: Episode):
        self.episode, self._roles = episode, episode.game.roles

    @property
    def of_block(self) -> bool:
        """Whether the batches of a whole block can be drawn together; a game without batches has none to draw."""
        return self.episode.batch is None or self.episode.drawn_ahead

    def drawn(self, draws: int) -> list[Batch]:
        """Draw the batches of a turn; without a draw, the present one."""
        episode = self.episode
        with faults_of(f"{type(episode.game).__name__}.sample"):
            batches = [episode.next_batch() for _ in range(draws)] or [episode.batch]
        episode.batch = batches[-1]
        return batches

    def taken(self, draws: list[int]) -> list[Tensor]:
        """Take the batches of a block, each leaf with a leading axis of turns; `draws` are the numbers of batches that the turns draw."""
        episode = self.episode
        if episode.batch is None:
            return []
        kept = [] if draws[0] else tree_flatten(episode.batch)[0]
        with faults_of(f"{type(episode.game).__name__}.sample"):
            leaves, spec = tree_flatten(episode.take(sum(draws))) if any(draws) else ([leaf[:0] for leaf in kept], None)
        if kept:
            leaves = [torch.cat([old.unsqueeze(0), new]) for old, new in zip(kept, leaves, strict=True)]
        if spec is not None:
            episode.batch = tree_unflatten([leaf[-1] for leaf in leaves], spec)
        if 0 in draws:  # some turns keep the batch of the turn before
            index = torch.tensor(draws).cumsum(0) - (0 if kept else 1)
            return [leaf[index] for leaf in leaves]
        each = [leaf.unflatten(0, (len(draws), draws[0])) for leaf in leaves]
        return [leaf[:, place] for place in range(draws[0]) for leaf in each]

    def numbers(self, shares: dict[str, Any]) -> list[Any]:
        """Return λ, the factor of each role, and the scheduled numbers of the next turn."""
        episode = self.episode
        factors = episode.factors(shares)
        numbers = [episode.coupling, *(factors.get(role, 0.0) for role in self._roles)]
        if episode.scheduled_buffers:
            numbers += [buffer.clone() for buffer in episode.scheduled_buffers.buffers.values()]
        return numbers

    def each(self, number: Any) -> Tensor:
        """Return a number as a tensor; in a population, one for each member."""
        tensor = torch.as_tensor(number, dtype=self.episode.dtype, device=self.episode.device)
        return tensor if self.episode.members is None else tensor.expand(self.episode.members.count)

    def together(self, rows: Sequence[Sequence[Any]]) -> Tensor:
        """Return the numbers of several turns, (turns, numbers), in a population (turns, numbers, K)."""
        if not {type(number) for row in rows for number in row} <= {int, float}:
            return torch.stack([self.each(number) for row in rows for number in row]).unflatten(0, (len(rows), -1))
        numbers = torch.tensor(rows, dtype=self.episode.dtype, device=self.episode.device)
        members = self.episode.members
        return numbers if members is None else numbers.unsqueeze(-1).expand(*numbers.shape, members.count).contiguous()

    def masks(self, moving: Sequence[Moving]) -> Tensor:
        """Return the members that move each role in several turns, (turns, 2, K); without numbers in a single game."""
        episode = self.episode
        if episode.members is None:
            return torch.ones((len(moving), 0), dtype=torch.bool, device=episode.device)
        masks = torch.ones((len(moving), len(self._roles), episode.members.count), dtype=torch.bool, device=episode.device)
        for row, turn in zip(masks, moving, strict=True):
            for role, mask in turn.masks.items():
                row[self._roles.index(role)] = mask
        return masks
