"""The field of a batch that is split: its parts are evaluated one after the other, and by several processes at once.

With P parts of equal size and losses that are means over examples, v = (1/P) Σ vₚ, and the same holds for losses and for products with
the Jacobian. Each of R ranks evaluates M of the P = R·M parts, one after the other, so that only one part's activations live at a time,
and the ranks' results are averaged. The parts do not depend on the number of processes: 2 ranks are 2 micro-batches.

Operations on a whole batch are applied to each part: batch normalisation takes each part's statistics (the running ones move once, by the
mean over the parts), and dropout draws masks for each part.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from arena.accelerate.process_group import ProcessGroup, enter, leave
from arena.core.directions import Direction
from arena.core.field.field import Field
from arena.core.field.mover_plan import Graph, Plan
from arena.core.game import Batch, Game
from arena.errors import BadSetting, GameFault


class ShardedField(Field):
    """The field as the mean of the fields of the parts of a batch, with the cost and the counts of the undivided one.

    Gradients that are differentiated later (`gradient_of`) keep the activations of all parts of this process alive.

    Args:
        game: The game.
        micro_batches: Parts that this process evaluates, one after the other.
        ranks: Processes among which the parts are dealt out; None for a single process.

    Raises:
        BadSetting: When evaluated: the examples of a batch cannot be dealt out equally.
        GameFault: When evaluated: a batch has no examples to deal out.

    Example:
        >>> from arena.games import SwissRoll
        >>> from arena import Rng
        >>> game = SwissRoll(batch=8).double()
        >>> batch = tuple(t.double() for t in game.sample(Rng().seed_both(0, 1)))
        >>> whole, split = Field(game), ShardedField(game, micro_batches=4)
        >>> for field in (whole, split):
        ...     field.freeze(batch, 1.0)
        >>> v, w = whole.gradients(), split.gradients()
        >>> all(torch.allclose(v[name], w[name], rtol=1e-12) for name in v), split.gradient_evaluations
        (True, 2)
    """

    def __init__(self, game: Game, micro_batches: int = 1, ranks: ProcessGroup | None = None):
        self.micro_batches, self.ranks = micro_batches, ranks
        self._mine: list[tuple[Batch, int | None]] | None = None
        self._within = False
        super().__init__(game)

    @property
    def count_of_parts(self) -> int:
        """Number of parts of a batch, over all processes."""
        return self.micro_batches * (self.ranks.count if self.ranks else 1)

    def freeze(self, *arguments: Any, **settings: Any) -> None:
        super().freeze(*arguments, **settings)
        self._mine = None

    def split(self, batch: Batch) -> list[Batch]:
        """Return the parts of a batch, in order: views of its tensors, cut along their leading axis; each has all other leaves.

        Raises:
            BadSetting: The examples cannot be dealt out equally.
            GameFault: The batch holds no tensors, or tensors of different leading lengths.
        """
        leaves, spec = tree_flatten(batch)
        lengths = sorted({len(leaf) if leaf.dim() else 0 for leaf in leaves if isinstance(leaf, Tensor)})
        name = type(self.game).__name__
        if not lengths:
            raise GameFault(f"a batch of {name} holds no tensors, so that it cannot be split into {self._in_words()}; play it undivided")
        if len(lengths) > 1 or lengths == [0]:
            raise GameFault(
                f"a batch of {name} holds tensors of leading length {' and '.join(map(str, lengths))}, but to be split into "
                f"{self._in_words()} each must have one row for each example; return such from its sample, or play it undivided"
            )
        size, rest = divmod(lengths[0], self.count_of_parts)
        if rest:
            whole = f"{lengths[0]}, the examples of a batch"
            fits = f"a divisor of {whole}" if self.ranks is None else f"such that {self.ranks.count} processes times it divide {whole}"
            raise BadSetting("micro_batches", self.micro_batches, fits)
        cut = lambda leaf, p: leaf[p * size : (p + 1) * size] if isinstance(leaf, Tensor) else leaf  # noqa: E731
        return [tree_unflatten([cut(leaf, p) for leaf in leaves], spec) for p in range(self.count_of_parts)]

    # The reads of a rule ----------------------------------------------------------------------------------------------------

    def gradients(self, *arguments: Any, keep: bool = False, **settings: Any) -> Direction:
        return super().gradients(*arguments, **settings)  # without `keep`, because the graphs of all parts would live at once

    def gradients_for_others(self) -> Direction:
        return self._mean(super().gradients_for_others)

    def jvp(
        self, tangent: Direction, at: Mapping[str, Tensor] | None = None, *, of: Sequence[str] | None = None, joint: bool = False
    ) -> Direction:
        if joint:
            return self._mean(super().jvp, tangent, at, of=of, joint=True)
        return super().jvp(tangent, at, of=of)

    def vjp(self, cotangent: Direction, at: Mapping[str, Tensor] | None = None, *, of: Sequence[str] | None = None) -> Direction:
        return self._mean(super().vjp, cotangent, at, of=of)

    def across(self, points: Mapping[str, Tensor]) -> Direction:
        return self._mean(super().across, points)

    def joint_gradients(self, at: Mapping[str, Tensor] | None = None) -> Direction:
        return self._mean(super().joint_gradients, at)

    # The mean over the parts ------------------------------------------------------------------------------------------------

    def _present(self, plan: Plan) -> tuple[dict[str, Tensor], Direction]:
        return self._mean(super()._present, plan)

    def _forward_over_reverse(self, plan: Plan, tangent: Direction) -> Direction:
        return self._mean(super()._forward_over_reverse, plan, tangent)

    def _reverse_twice(self, plan: Plan, tangent: Direction) -> Direction:
        return self._mean(super()._reverse_twice, plan, tangent)

    def graph(self, *, fresh: bool = False) -> Graph:
        return super().graph(fresh=True)

    def call(self, values: Mapping[str, Tensor], movers: Sequence[str]) -> dict[str, Tensor]:
        if self._within:
            return super().call(values, movers)
        inside = dict(zip(values, enter(self.ranks, list(values.values())), strict=True))
        losses_of_parts: list[Tensor] = []
        for part in self._parts():
            with self._only(*part):
                losses = super().call(inside, movers)
                losses_of_parts.append(torch.stack([losses[key] for key in movers]))
        (mean,) = leave(self.ranks, [torch.stack(losses_of_parts).mean(0)])
        return dict(zip(movers, mean.unbind(), strict=True))

    def _mean(self, evaluate: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
        """Return the mean of `evaluate` over all parts; it counts once, like the undivided batch."""
        if self._within:
            return evaluate(*arguments, **settings)
        counts = self.gradient_evaluations, self.products
        running = [b for layer in self._tracking if layer.training and layer.track_running_stats for b in layer.buffers()]
        before = [b.clone() for b in running]
        total: list[Tensor] = []
        for part in self._parts():
            self.gradient_evaluations, self.products = counts
            for buffer, value in zip(running, before, strict=True):
                buffer.copy_(value)
            with self._only(*part):
                leaves, spec = tree_flatten(evaluate(*arguments, **settings))
            results = [t.detach() for t in (*leaves, *running) if t.is_floating_point()]
            if total:
                torch._foreach_add_(total, results)
            else:
                total = [t.clone() for t in results]
        torch._foreach_div_(total, self.micro_batches)
        mean = total if self.ranks is None else self.ranks.mean(total)
        for buffer, value in zip([b for b in running if b.is_floating_point()], mean[len(leaves) :], strict=True):
            buffer.copy_(value)
        return tree_unflatten(mean[: len(leaves)], spec)

    def _parts(self) -> list[tuple[Batch, int | None]]:
        """Return this process's parts of the batch, each with a seed of its own."""
        if self._mine is None:
            first = self.ranks.rank * self.micro_batches if self.ranks else 0
            parts = self.split(self.batch)[first : first + self.micro_batches]
            seed = self._seed
            seeds = [(seed * 1_000_003 + first + i + 1) % (1 << 62) if isinstance(seed, int) else None for i in range(len(parts))]
            self._mine = list(zip(parts, seeds, strict=True))
        return self._mine

    @contextlib.contextmanager
    def _only(self, batch: Batch, seed: int | None) -> Iterator[None]:
        """Make the field that of one part within the block."""
        whole = self.batch, self._seed
        self.batch, self._seed, self._within = batch, seed, True
        if seed is not None:
            self._dropout.seed([seed])  # also frees the masks of the previous part, which are as large as activations
        try:
            with self.same_masks():
                yield
        finally:
            (self.batch, self._seed), self._within = whole, False

    def _in_words(self) -> str:
        if self.ranks is None:
            return f"{self.micro_batches} micro_batches"
        each = f" with {self.micro_batches} micro_batches each" if self.micro_batches > 1 else ""
        return f"the parts of {self.ranks.count} processes{each}"
