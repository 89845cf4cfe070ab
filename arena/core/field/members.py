"""K games as one: the stacked game's tensors have a leading member axis, and the game's own code is mapped over it.

`torch.vmap` runs the game's code once for all members; ordinary autograd runs through that, because the losses of different members do
not depend on each other.

Shapes: K = members.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map

from arena.core.directions import aligned
from arena.core.field.batch_norm import in_plain_arithmetic, layers_of
from arena.core.field.dropout import DropoutMasks
from arena.core.game import Batch, Game
from arena.errors import ArenaError


class CannotShare(ArenaError):
    """Why games cannot be one population; they can still be played one by one."""


class Members:
    """K games stacked into one.

    Args:
        count: K.
        buffers: names of the game's buffers that have a member axis.
        coefficients: plain numbers that differ between members, by (name of the module, name of the attribute), as tensors of shape (K,).

    Attributes:
        stream_of: which of the random streams is each member's, shape (K,); None where they share one.
        batch_axis: 0 where batches have a member axis, None where all members see the same one.
        refused: of members for which a rule had no answer in the turn that is being played, why.
    """

    def __init__(self, count: int, buffers: Sequence[str], coefficients: Mapping[tuple[str, str], Tensor]):
        self.count = count
        self.buffers = tuple(buffers)
        self.coefficients = dict(coefficients)
        self._numbers = {place: values.tolist() for place, values in coefficients.items()}
        self.stream_of: Tensor | None = None
        self.batch_axis: int | None = 0
        self.refused: dict[int, str] = {}
        self._index: Tensor | None = None
        self._normed = any(name.endswith("running_mean") for name in self.buffers)

    def losses(
        self, game: Game, at: Mapping[str, Tensor], batch: Batch, coupling: float | Tensor, movers: tuple[str, ...], masks: DropoutMasks
    ) -> dict[str, Tensor]:
        """Every member's losses, each of shape (K,).

        Args:
            game: the stacked game.
            at: all its parameters by name, with member axis.
            batch: the members' batches, or the one that all share.
            coupling: λ, or one for each member.
            movers: the keys that move.
            masks: of the dropout layers, if they are applied.
        """
        buffers = self._own_buffers(game)
        lam = 0 if isinstance(coupling, Tensor) and coupling.dim() else None
        index, axis, norms = None, None, layers_of(game) if self._normed else ()
        if masks.layers:
            index, axis = self.index(next(iter(at.values())).device), 0

        def one(at: Any, buffers: Any, batch: Any, coupling: Any, index: Any) -> Any:
            masks.member = index
            try:
                with in_plain_arithmetic(norms):
                    found = functional_call(game, {**at, **buffers}, (batch, coupling, movers))
            finally:
                masks.member = None
            return {key: found[key] for key in movers if key in found}

        # A mask is drawn from a stream of its own and not per member, which to vmap is "the same" for all; nothing else may draw.
        randomness = "same" if masks.layers else "error"
        return torch.vmap(one, in_dims=(0, 0, self.axes(batch), lam, axis), randomness=randomness)(at, buffers, batch, coupling, index)

    def _own_buffers(self, game: Game) -> dict[str, Tensor]:
        return {name: game.get_buffer(name) for name in self.buffers}

    def axes(self, batch: Batch) -> Any:
        """The member axis of each leaf of a batch."""
        if isinstance(batch, Tensor):
            return self.batch_axis
        return tree_map(lambda leaf: self.batch_axis if isinstance(leaf, Tensor) else None, batch)

    def index(self, device: torch.device) -> Tensor:
        """0, 1, … K − 1."""
        if self._index is None:
            self._index = torch.arange(self.count, device=device)
        return self._index

    def each(self, game: Game, function: Callable[..., Any], batch: Batch = None, *, at_once: int | None = None) -> Any:
        """What a function of the game's present state gives for every member.

        Args:
            game: the stacked game.
            function: called with the game's tensors and the batch of one member in place; gives tensors.
            batch: given to the function, if there is one, per member.
            at_once: how many members are computed together; all where none is given. Random numbers drawn inside are the same for all.
        """
        buffers = self._own_buffers(game)
        at = {name: p.detach() for name, p in game.named_parameters()}
        module = _Calling(game, function)

        def one(tensors: Mapping[str, Tensor], batch: Any) -> Any:
            return functional_call(module, {f"game.{name}": t for name, t in tensors.items()}, (batch,))

        return torch.vmap(one, in_dims=(0, self.axes(batch)), randomness="same", chunk_size=at_once)({**at, **buffers}, batch)

    def call(
        self, game: Game, methods: Sequence[Callable[[Batch], None]], batch: Batch, role: str = "", moved: Tensor | None = None
    ) -> None:
        """Call methods of the players (`project_`, `on_batch`) with every member's own tensors and batch; they change the tensors in place.

        Args:
            game: the stacked game.
            methods: the players' own.
            batch: the members' batches, or the one that all share.
            role: whose methods they are, where not all members have moved.
            moved: which members have, (K,); the others' tensors stay as they are.
        """
        tensors = {name: p.detach() for name, p in game.named_parameters()} | self._own_buffers(game)
        before = {} if moved is None else {name: t.clone() for name, t in tensors.items() if name.startswith(f"players.{role}.")}
        module = _Calling(game, lambda batch=None: [method(batch) for method in methods])

        def one(tensors: Mapping[str, Tensor], batch: Any) -> Tensor:
            functional_call(module, {f"game.{name}": t for name, t in tensors.items()}, (batch,))
            return next(iter(tensors.values())).sum()  # vmap wants a tensor back

        torch.vmap(one, in_dims=(0, self.axes(batch)))(tensors, batch)
        for name, old in before.items():
            tensors[name].copy_(torch.where(aligned(moved, old), tensors[name], old))  # type: ignore[arg-type]

    @contextlib.contextmanager
    def alone(self, game: Game, member: int) -> Iterator[None]:
        """While inside, the stacked game is that member's own, with tensors of its own and its own plain numbers."""
        tensors = {**dict(game.named_parameters()), **{n: b for n, b in game.named_buffers() if n in self.buffers}}
        before = {name: t.data for name, t in tensors.items()}
        try:
            for name, t in tensors.items():
                t.data = before[name][member]
            with self.numbers(game, member):
                yield
        finally:
            for name, t in tensors.items():
                t.data = before[name]

    @contextlib.contextmanager
    def numbers(self, game: Game, member: int) -> Iterator[None]:
        """While inside, the numbers that differ between members are those of one of them."""
        modules = dict(game.named_modules()) if self.coefficients else {}
        for (place, attribute), values in self._numbers.items():
            modules[place].__dict__[attribute] = values[member]
        try:
            yield
        finally:
            for place, attribute in self.coefficients:
                modules[place].__dict__.pop(attribute, None)

    def refuse(self, where: Tensor, why: str, numbers: Mapping[str, Any]) -> None:
        """Note for which members the rule has no answer, and why."""
        for member in where.nonzero().flatten().tolist():
            if member not in self.refused:
                of = lambda n, m=member: n if not isinstance(n, Tensor) else n.item() if n.dim() == 0 else n[m].item()  # noqa: E731
                self.refused[member] = why.format(**{name: of(n) for name, n in numbers.items()})


class _Calling(nn.Module):
    """Lets `functional_call` reach any function of a game's state."""

    def __init__(self, game: Game, function: Callable[..., Any]):
        super().__init__()
        self.game, self.function = game, function

    def forward(self, batch: Any) -> Any:
        return self.function() if batch is None else self.function(batch)
