"""The inputs of recorded turns: batches from the run's own streams, λ, factors of the learning rates, scheduled numbers and masks."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from arena.core.faults import faults_of
from arena.core.game import Batch
from arena.engine.episode import Episode, Moving
from arena.engine.single_episode import SingleEpisode
from arena.engine.streams import BatchStream


class Inputs:
    """The inputs of the next turns of an episode, turn by turn, or the batches of a whole block at once."""

    def __init__(self, episode: Episode):
        self.episode = episode

    @property
    def stream(self) -> BatchStream | None:
        """The stream, if the batches of a whole block can be taken from it at once."""
        episode = self.episode
        whole = isinstance(episode, SingleEpisode) and episode.stream.turns > 1 and not episode.acceleration.channels_last
        return episode.stream if whole else None  # type: ignore[attr-defined]

    def drawn(self, draws: int) -> list[Batch]:
        """Draw the batches of a turn; without a draw, the present one."""
        episode = self.episode
        with faults_of(f"{type(episode.game).__name__}.sample"):
            batches = [episode.next_batch() for _ in range(draws)] or [episode.batch]
        episode.batch = batches[-1]
        return batches

    def taken(self, stream: BatchStream, draws: list[int]) -> list[Tensor]:
        """Take the batches of a block, each leaf with a leading axis of turns; `draws` are the numbers of batches that the turns draw."""
        episode = self.episode
        kept = [] if draws[0] else tree_flatten(episode.batch)[0]
        with faults_of(f"{type(episode.game).__name__}.sample"), episode.in_memory(episode.game):
            leaves, spec = tree_flatten(stream.take(sum(draws))) if any(draws) else ([leaf[:0] for leaf in kept], None)
        if kept:
            leaves = [torch.cat([old.unsqueeze(0), new]) for old, new in zip(kept, leaves, strict=True)]
        if spec is not None:
            episode.batch = tree_unflatten([leaf[-1] for leaf in leaves], spec)
        if 0 in draws:  # some turns keep the batch of the turn before
            index = torch.tensor(draws).cumsum(0) - (0 if kept else 1)
            return [leaf[index] for leaf in leaves]
        each = [leaf.unflatten(0, (len(draws), draws[0])) for leaf in leaves]
        return [leaf[:, place] for place in range(draws[0]) for leaf in each]

    def numbers(self, moving: Moving, shares: dict[str, Any]) -> list[Any]:
        """Return λ, the factors, the scheduled numbers and the masks of the next turn."""
        episode = self.episode
        factors, roles = episode.factors(shares), episode.game.roles
        numbers = [episode.coupling, *(factors.get(role, 0.0) for role in roles)]
        if episode.members is not None:
            numbers = [*map(self.each, numbers)]
        if episode.scheduled_buffers:
            numbers += [buffer.clone() for buffer in episode.scheduled_buffers.buffers.values()]
        if episode.members is not None:
            everyone = torch.ones(episode.members.count, dtype=torch.bool, device=episode.device)
            numbers += [moving.masks.get(role, everyone) for role in roles]
        return numbers

    def each(self, number: Any) -> Tensor:
        """Return a number as a tensor; in a population, one for each member."""
        if isinstance(number, Tensor) and number.dtype == torch.bool:
            return number
        tensor = torch.as_tensor(number, dtype=self.episode.dtype, device=self.episode.device)
        return tensor if self.episode.members is None else tensor.expand(self.episode.members.count)

    def together(self, column: Sequence[Any]) -> Tensor:
        """Return one number of each turn of a block, with a leading axis of turns."""
        if isinstance(column[0], Tensor):
            return torch.stack([*column])
        return torch.tensor(column, dtype=self.episode.dtype, device=self.episode.device)
