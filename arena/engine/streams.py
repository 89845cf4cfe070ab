"""Batches, drawn ahead: one call of a game's `sample`, mapped over turns, draws many of them from the same stream.

Drawing one batch costs some twenty microseconds of calls at any size, which on small games is a tenth of a turn, and in a population of
many seeds most of it. A stream is therefore drawn in blocks of as many turns as make about 65,000 numbers, at most 256. Batches of a game
whose `sample` cannot be mapped (because it branches on the numbers it draws) are drawn one by one. Single games and populations draw the
same blocks, so that a member has the batches of its single run.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from arena.core.game import Batch
from arena.core.rng import Rng

NUMBERS = 2**16
"""Approximate number of numbers in a block."""

TURNS = 256
"""Largest number of turns in a block."""


class BatchStream:
    """One seed's batches.

    Args:
        rng: Random stream of the batches.
        sample: Draws one batch from it, on the device and in the precision of the run.
        turns: Number of batches in a block, from `block_turns`.
    """

    def __init__(self, rng: Rng, sample: Callable[[Rng], Batch], turns: int):
        self.rng, self.sample, self.turns = rng, sample, turns
        self.cursor = turns
        self.block: Batch = None
        self._batches: list[Batch] = []
        self._began = rng.state_dict()

    def next(self) -> Batch:
        """Return the next batch."""
        if self.turns == 1:
            return self.sample(self.rng)
        if self.cursor >= self.turns:
            self.refill()
        if not self._batches:
            self._batches = apart(self.block)
        self.cursor += 1
        return self._batches[self.cursor - 1]

    def take(self, count: int) -> Batch:
        """Return the next batches together, each leaf with a leading axis of `count`; for streams that are drawn in blocks."""
        parts = []
        while count:
            if self.cursor >= self.turns:
                self.refill()
            here = slice(self.cursor, min(self.turns, self.cursor + count))
            parts.append(tree_map(lambda leaf, here=here: leaf[here], self.block))
            count -= here.stop - here.start
            self.cursor = here.stop
        return _concatenated(parts)

    def refill(self) -> None:
        """Draw the next block."""
        self._began = self.rng.state_dict()
        self.block, self._batches = draw(self.sample, self.rng, self.turns), []
        self.cursor = 0

    def state_dict(self) -> dict[str, Any]:
        """Return the stream's states when the block began and now, and the number of spent batches of the block."""
        now = self.rng.state_dict()
        return {"began": self._began if self.cursor < self.turns else now, "now": now, "cursor": self.cursor}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state; the block is drawn again, and is the same."""
        self.rng.load_state_dict(state["began"])
        if state["cursor"] < self.turns:
            self.refill()
        self.rng.load_state_dict(state["now"])
        self.cursor = state["cursor"]


class BatchStreams:
    """The streams of a population, side by side: each leaf of a batch has a leading axis of streams.

    Args:
        streams: One for each distinct seed.
    """

    def __init__(self, streams: Sequence[BatchStream]):
        self.streams = list(streams)
        self._joined: Batch = None
        self._batches: list[Batch] = []
        self._cursor: int | None = None  # in the joined block; None if the streams' blocks begin at different turns

    def next(self) -> Batch:
        """Return the next batch of all streams; without the axis if there is only one."""
        if len(self.streams) == 1:
            return self.streams[0].next()
        self._join_blocks()
        if self._cursor is None:
            return _join([stream.next() for stream in self.streams], 0)
        if not self._batches:
            self._batches = apart(self._joined)
        batch = self._batches[self._cursor]
        self._pass(1)
        return batch

    def take(self, count: int) -> Batch:
        """Return the next batches together, each leaf with a leading axis of `count`; for streams that are drawn in blocks."""
        if len(self.streams) == 1:
            return self.streams[0].take(count)
        parts = []
        while count:
            self._join_blocks()
            here = count if self._cursor is None else min(count, self.streams[0].turns - self._cursor)
            if self._cursor is None:
                here = min([here, *(s.turns - s.cursor for s in self.streams if s.cursor < s.turns)])
                parts.append(_join([stream.take(here) for stream in self.streams], 1))
            else:
                place = slice(self._cursor, self._cursor + here)
                parts.append(tree_map(lambda leaf, place=place: leaf[place], self._joined))
                self._pass(here)
            count -= here
        return _concatenated(parts)

    def _join_blocks(self) -> None:
        """Draw the next blocks and join them, if all streams are at the end of theirs."""
        turns = self.streams[0].turns
        if turns > 1 and all(s.cursor >= s.turns == turns for s in self.streams):
            for stream in self.streams:
                stream.refill()
            self._joined, self._batches, self._cursor = _join([s.block for s in self.streams], 1), [], 0

    def _pass(self, count: int) -> None:
        """Count batches of the joined block as spent."""
        assert self._cursor is not None
        for stream in self.streams:
            stream.cursor += count
        self._cursor += count
        if self._cursor == self.streams[0].turns:
            self._cursor = None

    def replace(self, index: int, stream: BatchStream) -> None:
        """Replace one stream; blocks are joined again as soon as all of them end at the same turn."""
        self.streams[index] = stream
        self._cursor = None

    def state_dict(self) -> list[dict[str, Any]]:
        return [stream.state_dict() for stream in self.streams]

    def load_state_dict(self, state: Sequence[dict[str, Any]]) -> None:
        for stream, own in zip(self.streams, state, strict=True):
            stream.load_state_dict(own)
        self._cursor = None


def apart(block: Batch) -> list[Batch]:
    """Return the batches of a block, one for each turn; making all views at once takes a tenth of the time.

    Example:
        >>> [(x.item(), y.item()) for x, y in apart((torch.arange(2), torch.arange(2) + 5))]
        [(0, 5), (1, 6)]
    """
    leaves, spec = tree_flatten(block)
    rows = zip(*(leaf.unbind(0) for leaf in leaves), strict=True)
    return list(rows) if type(block) is tuple and len(leaves) == len(block) else [tree_unflatten(row, spec) for row in rows]


def channels_last(batch: Batch) -> Batch:
    """Return a batch with its tensors of four axes in torch.channels_last."""
    return tree_map(lambda t: t.contiguous(memory_format=torch.channels_last) if isinstance(t, Tensor) and t.dim() == 4 else t, batch)


def draw(sample: Callable[[Rng], Batch], rng: Rng, turns: int) -> Batch:
    """Draw many batches at once; each leaf has a leading axis of turns."""
    rng.in_block = True
    try:
        return torch.vmap(lambda _: _tensors(sample(rng)), randomness="different")(torch.empty(turns))
    finally:
        rng.in_block = False


def block_turns(sample: Callable[[Rng], Batch], rng: Rng) -> int:
    """Return the number of turns of a block; 1 if the game's batches cannot be drawn in blocks. Uses the stream up."""
    leaves, _ = tree_flatten(sample(rng))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    if not tensors or len(tensors) < len(leaves):
        return 1  # nothing is drawn, or something that is no tensor
    turns = max(1, min(TURNS, NUMBERS // max(1, sum(t.numel() for t in tensors))))
    if turns == 1:
        return 1
    try:
        draw(sample, rng, turns)
    except Exception:  # for any reason: batches are then drawn one by one
        return 1
    return turns


def _concatenated(parts: Sequence[Batch]) -> Batch:
    return parts[0] if len(parts) == 1 else tree_map(lambda *leaves: torch.cat(leaves), *parts)


def _join(batches: Sequence[Batch], axis: int) -> Batch:
    leaves, specs = zip(*(tree_flatten(batch) for batch in batches), strict=True)
    joined = [torch.stack(column, axis) if isinstance(column[0], Tensor) else column[0] for column in zip(*leaves, strict=True)]
    return tree_unflatten(joined, specs[0])


def _tensors(batch: Batch) -> Batch:
    if any(not isinstance(leaf, Tensor) for leaf in tree_flatten(batch)[0]):
        raise TypeError("a batch that is drawn ahead holds tensors only")
    return batch
