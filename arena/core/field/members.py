"""K games as one: the stacked game's tensors have a leading member axis, and the game's code is mapped over it.

`torch.vmap` runs the game's code once for all members. Ordinary autograd differentiates through it, because the losses of different members
do not depend on each other.

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
    """Games that cannot be one population, with the reason; they can still be played one by one."""


class Members:
    """K games stacked into one.

    Args:
        count: K, the number of members.
        buffers: Names of the game's buffers that have a member axis.
        frozen: Names of the parameters that never move, because their `requires_grad` is False; they have the axis, too.
        coefficients: Plain numbers that differ between members, by (name of the module, name of the attribute), as tensors of shape (K,).
        differing: Names of the buffers of the game itself whose values differ between members, such as tables of data.

    Attributes:
        differ: Whether members may draw different batches from one stream, because their numbers or buffers differ.
        stream_of: Index of each member's random stream, (K,); None if all members share one.
        batch_axis: 0 if batches have a member axis, None if all members see the same batch.
        refused: By member, the reason for which the rule is undefined in the current turn.
    """

    def __init__(
        self,
        count: int,
        buffers: Sequence[str],
        coefficients: Mapping[tuple[str, str], Tensor],
        differing: Sequence[str] = (),
        frozen: Sequence[str] = (),
    ):
        self.count = count
        self.buffers, self.frozen = tuple(buffers), tuple(frozen)
        self.coefficients = dict(coefficients)
        self._numbers = {place: values.tolist() for place, values in coefficients.items()}
        self.differ = bool(coefficients or differing)
        self.stream_of: Tensor | None = None
        self.batch_axis: int | None = 0
        self.refused: dict[int, str] = {}
        self._index: Tensor | None = None
        self._normed = any(name.endswith("running_mean") for name in self.buffers)

    def losses(
        self, game: Game, at: Mapping[str, Tensor], batch: Batch, coupling: float | Tensor, movers: tuple[str, ...], masks: DropoutMasks
    ) -> dict[str, Tensor]:
        """Return the losses of the stacked game by key, each of shape (K,), with the parameters `at`, which have the member axis."""
        buffers = self._own_tensors(game)
        lam = 0 if isinstance(coupling, Tensor) and coupling.dim() else None
        index, axis, norms = None, None, layers_of(game) if self._normed else ()
        if masks.layers:
            index, axis = self.index(next(iter(at.values())).device), 0

        def one(at: Any, buffers: Any, batch: Any, coupling: Any, index: Any) -> Any:
            masks.member = index
            try:
                with in_plain_arithmetic(norms):
                    losses = functional_call(game, {**at, **buffers}, (batch, coupling, movers))
            finally:
                masks.member = None
            return {key: losses[key] for key in movers if key in losses}

        # Masks are drawn from streams of their own and not per member, which vmap calls "same"; nothing else may draw.
        randomness = "same" if masks.layers else "error"
        return torch.vmap(one, in_dims=(0, 0, self.axes(batch), lam, axis), randomness=randomness)(at, buffers, batch, coupling, index)

    def _own_tensors(self, game: Game) -> dict[str, Tensor]:
        own = {name: game.get_buffer(name) for name in self.buffers}
        return own | {name: game.get_parameter(name) for name in self.frozen} if self.frozen else own

    def axes(self, batch: Batch) -> Any:
        """Return the member axis of each leaf of a batch."""
        if isinstance(batch, Tensor):
            return self.batch_axis
        return tree_map(lambda leaf: self.batch_axis if isinstance(leaf, Tensor) else None, batch)

    def index(self, device: torch.device) -> Tensor:
        """Return 0, 1, … K − 1."""
        if self._index is None:
            self._index = torch.arange(self.count, device=device)
        return self._index

    def each(self, game: Game, function: Callable[..., Any], batch: Batch = None, *, at_once: int | None = None) -> Any:
        """Return the tensors of a function of the stacked game, mapped over the members, `at_once` of them together (all by default).

        The function is called with the tensors, and the batch if there is one, of one member in place. Random numbers drawn inside are the
        same for all.
        """
        buffers = self._own_tensors(game)
        at = {name: p.detach() for name, p in game.named_parameters()}
        module = _Calling(game, function)

        def one(tensors: Mapping[str, Tensor], batch: Any) -> Any:
            return functional_call(module, {f"game.{name}": t for name, t in tensors.items()}, (batch,))

        return torch.vmap(one, in_dims=(0, self.axes(batch)), randomness="same", chunk_size=at_once)({**at, **buffers}, batch)

    def call(
        self, game: Game, methods: Sequence[Callable[[Batch], None]], batch: Batch, role: str = "", moved: Tensor | None = None
    ) -> None:
        """Call methods of the players (`project_`, `on_batch`) that change each member's tensors in place.

        If only some members have `moved` a role, (K,), the role's tensors of the others are restored.
        """
        tensors = {name: p.detach() for name, p in game.named_parameters()} | self._own_tensors(game)
        before = {} if moved is None else {name: t.clone() for name, t in tensors.items() if name.startswith(f"players.{role}.")}
        module = _Calling(game, lambda batch=None: [method(batch) for method in methods])

        def one(tensors: Mapping[str, Tensor], batch: Any) -> Tensor:
            functional_call(module, {f"game.{name}": t for name, t in tensors.items()}, (batch,))
            return next(iter(tensors.values())).sum()  # vmap expects a tensor

        torch.vmap(one, in_dims=(0, self.axes(batch)))(tensors, batch)
        for name, old in before.items():
            tensors[name].copy_(torch.where(aligned(moved, old), tensors[name], old))  # type: ignore[arg-type]

    @contextlib.contextmanager
    def alone(self, game: Game, member: int) -> Iterator[None]:
        """Put one member's tensors and plain numbers in the place of the stacked ones within the block."""
        with self._placed(game, member, [*{**dict(game.named_parameters()), **self._own_tensors(game)}.values()]):
            yield

    @contextlib.contextmanager
    def own(self, game: Game, member: int) -> Iterator[None]:
        """Put one member's plain numbers and buffers of the game itself, without those of players, in the place of the stacked ones."""
        with self._placed(game, member, [b for name, b in self._own_tensors(game).items() if not name.startswith("players.")]):
            yield

    @contextlib.contextmanager
    def _placed(self, game: Game, member: int, tensors: Sequence[Tensor]) -> Iterator[None]:
        modules = dict(game.named_modules()) if self.coefficients else {}
        before = [t.data for t in tensors]
        try:
            for tensor, stacked in zip(tensors, before, strict=True):
                tensor.data = stacked[member]
            for (place, attribute), values in self._numbers.items():
                modules[place].__dict__[attribute] = values[member]
            yield
        finally:
            for tensor, stacked in zip(tensors, before, strict=True):
                tensor.data = stacked
            for place, attribute in self.coefficients:
                modules[place].__dict__.pop(attribute, None)

    def refuse(self, where: Tensor, why: str, numbers: Mapping[str, Any]) -> None:
        """Record the members for which the rule is undefined, with the reason."""
        for member in where.nonzero().flatten().tolist():
            if member not in self.refused:
                of = lambda n, m=member: n if not isinstance(n, Tensor) else n.item() if n.dim() == 0 else n[m].item()  # noqa: E731
                self.refused[member] = why.format(**{name: of(n) for name, n in numbers.items()})


class _Calling(nn.Module):
    """A module whose forward is a function of a game's state, for `functional_call`."""

    def __init__(self, game: Game, function: Callable[..., Any]):
        super().__init__()
        self.game, self.function = game, function

    def forward(self, batch: Any) -> Any:
        return self.function() if batch is None else self.function(batch)
