"""What makes one game a population of K: its parameters get a leading member axis, and its losses are mapped over it.

The games of a population are built one by one, each from its own configuration and seed, and then stacked into the first of them:
parameters always; buffers that differ or that a forward changes (running statistics); and plain numbers that differ, such as the noise
of the data or the weight of a penalty, which become buffers of one number for each member. The game's own code is run once for all of
them by `torch.vmap`; ordinary autograd runs through that, since the members' losses do not depend on each other.

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
from arena.core.field.dropout import Masks
from arena.core.game import Batch, Game
from arena.core.preserve import no_footprints
from arena.errors import ArenaError

_PLAIN = (bool, int, float, str, type(None))


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
        self, game: Game, at: Mapping[str, Tensor], batch: Batch, coupling: float | Tensor, movers: tuple[str, ...], masks: Masks
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


def signature(game: Game) -> tuple[Any, ...]:
    """What games must have in common to be stacked: names, shapes and types of their tensors."""
    tensors = [*game.named_parameters(), *game.named_buffers()]
    return tuple((name, tuple(t.shape), str(t.dtype)) for name, t in tensors)


def stack(
    games: Sequence[Game], try_on: Callable[[Game], Batch] | None = None, differing: Callable[[], Sequence[str]] = tuple
) -> tuple[Game, Members]:
    """Stack games into the first of them.

    Args:
        games: of one class and one signature; all but the first are used up.
        try_on: draws a batch; given one, the stacked losses of some members are compared with their games' own.
        differing: names the settings in which they differ, for the message where their shapes do.

    Raises:
        CannotShare: where they differ in something that is neither a tensor nor a number, where a game's code cannot be mapped, or where
            the stacked game gives other losses than the single ones.
    """
    first, count = games[0], len(games)
    if len({signature(game) for game in games}) > 1:
        by = f" by {', '.join(names)}" if (names := differing()) else ""
        raise CannotShare(f"{type(first).__name__}s whose tensors differ in shape{by} cannot share a population; play them one by one")
    batch = None if try_on is None else try_on(first)
    changed = _changed(first, batch) if try_on is not None else set()
    picks = sorted({round(i * (count - 1) / 7) for i in range(8)}) if count > 1 else [0]
    wanted = {k: _own(games[k], batch) for k in picks} if try_on is not None else {}
    coefficients = _differing(games)
    with torch.no_grad():
        for name, p in list(first.named_parameters()):
            p.data = torch.stack([dict(game.named_parameters())[name].detach() for game in games]) if count < 3 else _stacked(games, name)
        buffers = []
        for name, b in list(first.named_buffers()):
            others = [game.get_buffer(name) for game in games[1:]]
            if name in changed or any(not torch.equal(b, other) for other in others):
                b.data = torch.stack([b, *others])
                buffers.append(name)
    device = next((p.device for p in first.parameters()), torch.device("cpu"))
    made = {}
    for (place, attribute), values in coefficients.items():
        module = first.get_submodule(place)
        delattr(module, attribute)
        dtype = next((p.dtype for p in first.parameters()), torch.get_default_dtype())
        made[place, attribute] = torch.tensor(values, dtype=dtype, device=device)
        module.register_buffer(attribute, made[place, attribute], persistent=False)
        buffers.append(f"{place}.{attribute}" if place else attribute)
    members = Members(count, buffers, made)
    if try_on is not None:
        _compare(first, members, batch, wanted)
    return first, members


def _stacked(games: Sequence[Game], name: str) -> Tensor:
    return torch.stack([game.get_parameter(name).detach() for game in games])


def _changed(game: Game, batch: Batch) -> set[str]:
    """Buffers that a forward changes."""
    before = {name: b._version for name, b in game.named_buffers()}
    _own(game, batch)
    return {name for name, b in game.named_buffers() if b._version != before[name]}


def _own(game: Game, batch: Batch) -> dict[str, Tensor]:
    with no_footprints(game):
        return {key: loss.detach().clone() for key, loss in game.losses(batch, 0.5 * game.max_coupling, game.keys).items()}


def _differing(games: Sequence[Game]) -> dict[tuple[str, str], list[float]]:
    """Plain numbers that differ, by module and attribute."""
    found: dict[tuple[str, str], list[float]] = {}
    places = [dict(game.named_modules()) for game in games]
    for place, module in places[0].items():
        for attribute, value in vars(module).items():
            if not _comparable(value):
                continue
            values = [vars(modules[place]).get(attribute) for modules in places]
            if all(type(v) is type(value) and _equal(v, value) for v in values):
                continue
            if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values) or isinstance(value, int):
                where = f"{place}.{attribute}" if place else attribute
                raise CannotShare(
                    f"{type(games[0]).__name__}s whose '{where}' differs ({value!r} and others) cannot share a population: only numbers "
                    "with a decimal point and tensors may differ; play them one by one"
                )
            found[place, attribute] = [float(v) for v in values]  # type: ignore[arg-type]
    return found


def _comparable(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_comparable, value))
    return isinstance(value, (*_PLAIN, Tensor))


def _equal(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, Tensor) else a == b


def _compare(game: Game, members: Members, batch: Batch, wanted: Mapping[int, Mapping[str, Tensor]]) -> None:
    """A stacked game that gives other losses than its members' own games is none; better told now than trusted later."""
    name = type(game).__name__
    stochastic = Masks(game, members.count)
    members.batch_axis = None
    at = {n: p.detach() for n, p in game.named_parameters()}
    try:
        with no_footprints(game), torch.no_grad():
            if stochastic.layers:
                return  # losses with random masks cannot be compared here
            found = members.losses(game, at, batch, 0.5 * game.max_coupling, game.keys, stochastic)
    except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        first = " ".join(str(error).split())[:160]
        raise CannotShare(
            f"{name}'s losses cannot be mapped over members ({type(error).__name__}: {first}); its games are played one by one"
        ) from error
    finally:
        members.batch_axis = 0
    for member, losses in wanted.items():
        for key, loss in losses.items():
            if not torch.allclose(found[key][member], loss, rtol=1e-3, atol=1e-4, equal_nan=True):
                raise CannotShare(
                    f"{name} stacked gives '{key}' of member {member} a loss of {float(found[key][member]):.6g}, but its own game gives "
                    f"{float(loss):.6g}: something that differs between members is not an attribute that is a number; they are played one "
                    "by one"
                )
