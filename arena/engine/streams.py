"""Batches, drawn ahead: one call of a game's `sample`, mapped over turns, draws many of them from the same stream.

Drawing one batch costs some twenty microseconds of calls whatever its size, which on small games is a tenth of a turn, and in a population
of many seeds most of it. So a stream is drawn from in blocks, as many turns at once as make about 65,000 numbers, at most 256; a game
whose `sample` cannot be mapped (one that looks at the numbers it draws) is asked turn by turn. Single games and populations draw the
same blocks, so that a member gets the batches that its run alone would get.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from arena.core.game import Batch
from arena.core.rng import Rng

NUMBERS = 2**16
"""About how many numbers a block holds."""

TURNS = 256
"""The most turns that a block holds."""


class BatchStream:
    """One seed's batches.

    Args:
        rng: what they are drawn from.
        sample: draws one batch from it, in its final place and precision.
        turns: how many a block holds, as `block_turns` found.
    """

    def __init__(self, rng: Rng, sample: Callable[[Rng], Batch], turns: int):
        self.rng, self.sample, self.turns = rng, sample, turns
        self.cursor = turns
        self.block: Batch = None
        self._batches: list[Batch] = []
        self._began = rng.state_dict()

    def next(self) -> Batch:
        """The next batch."""
        if self.turns == 1:
            return self.sample(self.rng)
        if self.cursor >= self.turns:
            self.refill()
        if not self._batches:
            self._batches = apart(self.block)
        self.cursor += 1
        return self._batches[self.cursor - 1]

    def refill(self) -> None:
        """Draw the next block."""
        self._began = self.rng.state_dict()
        self.block, self._batches = draw(self.sample, self.rng, self.turns), []
        self.cursor = 0

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands: its states when the block began and now, and how much of the block is spent."""
        now = self.rng.state_dict()
        return {"began": self._began if self.cursor < self.turns else now, "now": now, "cursor": self.cursor}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to there; the rest of the block is drawn again, and is the same."""
        self.rng.load_state_dict(state["began"])
        if state["cursor"] < self.turns:
            self.refill()
        self.rng.load_state_dict(state["now"])
        self.cursor = state["cursor"]


class BatchStreams:
    """The streams of a population, side by side: each leaf of a batch has a leading axis of streams.

    Args:
        streams: one for each distinct seed.
    """

    def __init__(self, streams: Sequence[BatchStream]):
        self.streams = list(streams)
        self._joined: list[Batch] = []
        self._cursor: int | None = None  # of the joined block; None while the streams are not in step

    def next(self) -> Batch:
        """The next batch of every stream; of a single one without the axis."""
        if len(self.streams) == 1:
            return self.streams[0].next()
        turns = self.streams[0].turns
        if turns > 1 and all(s.cursor >= s.turns == turns for s in self.streams):
            for stream in self.streams:
                stream.refill()
            self._joined, self._cursor = apart(_join([s.block for s in self.streams], 1)), 0
        if self._cursor is None:
            return _join([stream.next() for stream in self.streams], 0)
        for stream in self.streams:
            stream.cursor += 1
        self._cursor += 1
        batch = self._joined[self._cursor - 1]
        if self._cursor == turns:
            self._cursor = None
        return batch

    def replace(self, index: int, stream: BatchStream) -> None:
        """Put another stream in the place of one; the streams are then in step again when all their blocks end together."""
        self.streams[index] = stream
        self._cursor = None

    def state_dict(self) -> list[dict[str, Any]]:
        return [stream.state_dict() for stream in self.streams]

    def load_state_dict(self, state: Sequence[dict[str, Any]]) -> None:
        for stream, own in zip(self.streams, state, strict=True):
            stream.load_state_dict(own)
        self._cursor = None


def apart(block: Batch) -> list[Batch]:
    """The batches of a block, one for each turn: all views at once take a tenth of what one after the other would.

    Example:
        >>> [(x.item(), y.item()) for x, y in apart((torch.arange(2), torch.arange(2) + 5))]
        [(0, 5), (1, 6)]
    """
    leaves, spec = tree_flatten(block)
    rows = zip(*(leaf.unbind(0) for leaf in leaves), strict=True)
    return list(rows) if type(block) is tuple and len(leaves) == len(block) else [tree_unflatten(row, spec) for row in rows]


def channels_last(batch: Batch) -> Batch:
    """The same batch, its tensors of four axes in the memory format of that name."""
    return tree_map(lambda t: t.contiguous(memory_format=torch.channels_last) if isinstance(t, Tensor) and t.dim() == 4 else t, batch)


def draw(sample: Callable[[Rng], Batch], rng: Rng, turns: int) -> Batch:
    """That many batches at once; each leaf has a leading axis of turns."""
    rng.in_block = True
    try:
        return torch.vmap(lambda _: _tensors(sample(rng)), randomness="different")(torch.empty(turns))
    finally:
        rng.in_block = False


def block_turns(sample: Callable[[Rng], Batch], rng: Rng) -> int:
    """How many turns a block should hold; 1 where the game cannot be drawn from in blocks. Uses the stream up."""
    leaves, _ = tree_flatten(sample(rng))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    if not tensors or len(tensors) < len(leaves):
        return 1  # nothing is drawn, or something that is no tensor
    turns = max(1, min(TURNS, NUMBERS // max(1, sum(t.numel() for t in tensors))))
    if turns == 1:
        return 1
    try:
        draw(sample, rng, turns)
    except Exception:  # whatever the reason, such a game is asked turn by turn
        return 1
    return turns


def _join(batches: Sequence[Batch], axis: int) -> Batch:
    leaves, specs = zip(*(tree_flatten(batch) for batch in batches), strict=True)
    joined = [torch.stack(column, axis) if isinstance(column[0], Tensor) else column[0] for column in zip(*leaves, strict=True)]
    return tree_unflatten(joined, specs[0])


def _tensors(batch: Batch) -> Batch:
    if any(not isinstance(leaf, Tensor) for leaf in tree_flatten(batch)[0]):
        raise TypeError("a batch that is drawn ahead holds tensors only")
    return batch
