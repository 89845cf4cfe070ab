"""The field of a batch that is split: its parts are evaluated one after the other, and by several processes at once.

With P parts of equal size and losses that are means over examples, v = (1/P) Σ vₚ, and the same holds for losses and for products with
the Jacobian. Each of R ranks takes M parts of the P = R·M, one after the other, so that only one part's activations live at a time; the
mean over the ranks does the rest. The parts are the same however they are dealt out: 2 ranks are 2 micro-batches.

What looks at a batch as a whole sees parts: batch normalisation takes each part's statistics (the running ones move once, by the mean over
the parts), and dropout draws masks for each part.
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
    """The field as the mean of the fields of the parts of a batch. It costs and counts what the undivided one does.

    Args:
        game: whose field it is.
        micro_batches: parts that this process evaluates, one after the other.
        ranks: the processes among which the parts are dealt out; None where this is the only one.

    Raises:
        BadSetting: when evaluated, for a batch whose examples cannot be dealt out equally.
        GameFault: for a batch that has no examples to deal out.

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
        """Into how many parts a batch is split, over all processes."""
        return self.micro_batches * (self.ranks.count if self.ranks else 1)

    def freeze(
        self,
        batch: Batch,
        coupling: float | Tensor,
        movers: Sequence[str] | None = None,
        seed: int | Sequence[int] | None = None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().freeze(batch, coupling, movers, seed, masks)
        self._mine = None

    def split(self, batch: Batch) -> list[Batch]:
        """The parts of a batch, in order: views of its tensors, cut along their leading axis; what is no tensor goes to each.

        Raises:
            BadSetting: where the examples cannot be dealt out equally.
            GameFault: where the batch holds no tensors, or tensors of different leading lengths.
        """
        leaves, spec = tree_flatten(batch)
        lengths = sorted({len(leaf) if leaf.dim() else 0 for leaf in leaves if isinstance(leaf, Tensor)})
        name = type(self.game).__name__
        if not lengths:
            raise GameFault(f"a batch of {name} holds no tensors, so that it cannot be split into {self._in_words()}; play it undivided")
        if len(lengths) > 1 or lengths == [0]:
            found = " and ".join(map(str, lengths))
            raise GameFault(
                f"a batch of {name} holds tensors of leading length {found}, but to be split into {self._in_words()} each must have one "
                "row for each example; let its sample return such, or play it undivided"
            )
        size, rest = divmod(lengths[0], self.count_of_parts)
        if rest:
            whole = f"{lengths[0]}, the examples of a batch"
            fits = f"a divisor of {whole}" if self.ranks is None else f"such that {self.ranks.count} processes times it divide {whole}"
            raise BadSetting("micro_batches", self.micro_batches, fits)
        cut = lambda leaf, p: leaf[p * size : (p + 1) * size] if isinstance(leaf, Tensor) else leaf  # noqa: E731
        return [tree_unflatten([cut(leaf, p) for leaf in leaves], spec) for p in range(self.count_of_parts)]

    # What rules ask for -----------------------------------------------------------------------------------------------------

    def gradients(
        self,
        at: Mapping[str, Tensor] | None = None,
        *,
        of: Sequence[str] | None = None,
        keep: bool = False,
        statistics: bool = False,
    ) -> Direction:
        """Each mover's gradient of its own loss; `keep` keeps nothing, since the graphs of all parts would be alive at once."""
        return super().gradients(at, of=of, statistics=statistics)

    def gradients_for_others(self) -> Direction:
        """In each mover's parameters the gradient of the OTHER player's loss, part by part."""
        return self._mean(super().gradients_for_others)

    def gradient_of(self, key: str, wrt: Sequence[str], at: Mapping[str, Tensor]) -> tuple[Tensor, Direction]:
        """One key's loss and its gradient in any parameters, both differentiable in `at`, also across processes.

        What is differentiated later needs its graph: here the activations of all parts of this process are kept until it is done.
        """
        return super().gradient_of(key, wrt, at)

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

    # How it is computed -----------------------------------------------------------------------------------------------------

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
        found: list[Tensor] = []
        for part in self._parts():
            with self._only(*part):
                losses = super().call(inside, movers)
                found.append(torch.stack([losses[key] for key in movers]))
        (mean,) = leave(self.ranks, [torch.stack(found).mean(0)])
        return dict(zip(movers, mean.unbind(), strict=True))

    def _mean(self, evaluate: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
        """The mean over all parts of what `evaluate` gives on one; counted once, as the undivided batch would be."""
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
            found = [t.detach() for t in (*leaves, *running) if t.is_floating_point()]
            if total:
                torch._foreach_add_(total, found)
            else:
                total = [t.clone() for t in found]
        torch._foreach_div_(total, self.micro_batches)
        mean = total if self.ranks is None else self.ranks.mean(total)
        for buffer, value in zip([b for b in running if b.is_floating_point()], mean[len(leaves) :], strict=True):
            buffer.copy_(value)
        return tree_unflatten(mean[: len(leaves)], spec)

    def _parts(self) -> list[tuple[Batch, int | None]]:
        """This process's parts of the batch, each with a seed of its own."""
        if self._mine is None:
            first = self.ranks.rank * self.micro_batches if self.ranks else 0
            parts = self.split(self.batch)[first : first + self.micro_batches]
            seed = self._seed
            seeds = [(seed * 1_000_003 + first + i + 1) % (1 << 62) if isinstance(seed, int) else None for i in range(len(parts))]
            self._mine = list(zip(parts, seeds, strict=True))
        return self._mine

    @contextlib.contextmanager
    def _only(self, batch: Batch, seed: int | None) -> Iterator[None]:
        """While inside, the field is that of one part."""
        whole = self.batch, self._seed
        self.batch, self._seed, self._within = batch, seed, True
        if seed is not None:
            self._dropout.seed([seed])  # also forgets the masks of the part before, which are as large as activations
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
