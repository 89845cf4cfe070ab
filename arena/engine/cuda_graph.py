"""A whole turn as a CUDA graph: recorded once for each set of movers, then replayed without Python in between.

A graph reads and writes fixed places in memory, so that the inputs of a turn (the batch, λ, the learning rates' factors) are copied into
the graph's own tensors before each replay. Turns that cannot be recorded are played by the rule, and `why_not` gives the reason: a rule
with a memory or with branches on numbers, dropout drawn on the host, an optimizer that replaces its state.

https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from arena.core.directions import Number
from arena.core.field.field import Field
from arena.core.game import Batch
from arena.errors import cause
from arena.optimizers.batched import BatchedOptimizer
from arena.rules.base import UpdateRule
from arena.rules.turn import Turn

WARM = 3
"""Turns of each set of movers that are played before one is recorded, so that tensors that are made lazily exist."""


class _Recorded(NamedTuple):
    graph: Any
    batch: Batch
    coupling: Tensor
    factors: dict[str, Tensor]
    first: Any
    costs: tuple[int, int]


class Graphs:
    """The recorded turns of one game or population.

    Args:
        field: The field.
        turn: The turn through which the rule moves the players.
        rule: The update rule.
        record: Records the work of a function; `cuda` by default.

    Attributes:
        why_not: Reason for which nothing is recorded; None if turns are recorded.
    """

    def __init__(self, field: Field, turn: Turn, rule: UpdateRule, record: Callable[[Callable[[], None]], Any] | None = None):
        self.field, self.turn, self.rule = field, turn, rule
        self.record = record or cuda
        self.why_not: str | None = "the players draw random numbers (dropout) from the host" if field.stochastic else None
        if record is None and next(field.game.parameters()).device.type != "cuda":
            self.why_not = "CUDA graphs were requested, but the run is not on a GPU; every turn is played without them"
            return
        for optimizer in turn.optimizers.values():
            if isinstance(optimizer, BatchedOptimizer):
                optimizer.count_on_device()
        self._seen: dict[Any, int] = {}
        self._recorded: dict[Any, _Recorded] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs; it records its own turns."""
        return vars(self) | {"_seen": {}, "_recorded": {}}

    def play(self, movers: tuple[str, ...], batch: Batch, coupling: Number, factors: Mapping[str, Number]) -> bool:
        """Play a turn by a replay; return False if the rule must play the turn. `factors` multiply the learning rates, by role."""
        if self.why_not is not None or self.field.masks:
            return False
        leaves, spec = tree_flatten(batch)
        shapes = tuple((leaf.shape, leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        kind = (movers, self.field.game.idle, tuple(factors), str(spec), shapes)
        recorded = self._recorded.get(kind)
        if recorded is None:
            self._seen[kind] = self._seen.get(kind, 0) + 1
            if self._seen[kind] <= WARM:
                return False
            recorded = self._make(movers, batch, coupling, factors)
            if recorded is None:
                return False
            self._recorded[kind] = recorded
        _put(recorded.batch, batch)
        _put(recorded.coupling, coupling)
        for role, factor in factors.items():
            _put(recorded.factors[role], factor)
        recorded.graph.replay()
        self.field.gradient_evaluations += recorded.costs[0]
        self.field.products += recorded.costs[1]
        self.field.movers = movers
        losses, gradients = recorded.first
        self.field.first = {key: loss.clone() for key, loss in losses.items()}, gradients  # the next replay writes over them
        return True

    def _make(self, movers: tuple[str, ...], batch: Batch, coupling: Number, factors: Mapping[str, Number]) -> _Recorded | None:
        like = next(iter(self.field.moving.values()))
        number = lambda n: n.clone() if isinstance(n, Tensor) else torch.tensor(n, dtype=like.dtype, device=like.device)  # noqa: E731
        copied = tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, batch)
        lam, static = number(coupling), {role: number(factor) for role, factor in factors.items()}
        if self.rule.state_dict():
            self.why_not = f"{type(self.rule).__name__} keeps a memory from turn to turn"
            return None
        self.field.freeze(copied, lam, movers)
        self.turn.begin(static)
        spent = self.field.gradient_evaluations, self.field.products
        places = self._places()
        try:
            graph = self.record(lambda: self.rule.step(self.turn))
        except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
            self.why_not = f"{type(self.rule).__name__} on {type(self.field.game).__name__} could not be recorded ({cause(error)})"
            return None
        finally:
            costs = self.field.gradient_evaluations - spent[0], self.field.products - spent[1]
            self.field.gradient_evaluations, self.field.products = spent
        if self._places() != places:
            self.why_not = f"{type(self.rule).__name__} replaces the optimizers' state within a turn"
            return None
        return _Recorded(graph, copied, lam, static, self.field.first, costs)

    def _places(self) -> list[int]:
        """Return the addresses of the parameters and of the optimizers' state."""
        states = [state for o in self.turn.optimizers.values() for state in o.state.values()]
        moments = [t.data_ptr() for state in states for t in state.values() if isinstance(t, Tensor)]
        return [p.data_ptr() for p in self.field.game.parameters()] + moments


def cuda(play: Callable[[], None]) -> torch.cuda.CUDAGraph:
    """Record the GPU work of a function without executing it."""
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        play()
    return graph


def _put(place: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        place.copy_(value)
    elif isinstance(place, Tensor) and isinstance(value, (int, float)):
        place.fill_(value)
    elif isinstance(value, (tuple, list)):
        for own, other in zip(place, value, strict=True):
            _put(own, other)
    elif isinstance(value, dict):
        for name, other in value.items():
            _put(place[name], other)
