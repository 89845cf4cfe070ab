"""One kind of turn of an episode, recorded: its state is everything that a turn changes, its inputs everything that differs between turns.

state     parameters, buffers, the optimizers' moments, the rule's memory and counts
inputs    batches, λ, the factors of the learning rates, scheduled numbers, the members that move
results   the losses at the position where the turn began; the positions after it, if the game keeps them
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.utils._pytree import tree_flatten, tree_unflatten

from arena.accelerate.recorded_turn import CannotRecord, Grows, record
from arena.core.directions import aligned
from arena.core.game import Batch
from arena.engine.episode import Episode, Moving
from arena.optimizers.sign_descent import Normalized, Sign

_PROPORTIONAL = (torch.optim.RMSprop, Sign, Normalized)
"""Optimizers that take the learning rate as a number only, with steps proportional to it and moments that do not depend on it."""


class Kind(NamedTuple):
    """Turns that run the same operations.

    Args:
        keys: Keys that move.
        roles: Roles that move.
        masked: Roles that only some members move.
        fresh: Whether the turn draws its batch.
        idle: Scheduled numbers that are 0.
    """

    keys: tuple[str, ...]
    roles: tuple[str, ...]
    masked: tuple[str, ...]
    fresh: bool
    idle: frozenset[str]

    @classmethod
    def of(cls, episode: Episode, moving: Moving) -> "Kind":
        """Return the kind of the next turn of an episode."""
        return cls(moving.keys, moving.roles, tuple(moving.masks), episode.batch_spent, episode.game.idle)


class Given(NamedTuple):
    """The inputs of one turn.

    Args:
        batches: The batch of the turn, and those that the rule draws within it.
        numbers: λ, a factor for each role, and the scheduled numbers, as rows.
        masks: In a population, the members that move each role, as rows; otherwise there are none.
    """

    batches: list[Batch]
    numbers: Tensor
    masks: Tensor

    def drawn(self) -> list[Tensor]:
        """Return the tensors of the batches."""
        return [leaf for leaf in tree_flatten(self.batches)[0] if isinstance(leaf, Tensor)]


def shape_of(batches: Sequence[Batch]) -> tuple[Any, ...]:
    """Return the structure of batches: shapes of tensors, and all else as it is."""
    leaves, spec = tree_flatten(batches)
    return (spec, *((tuple(leaf.shape), leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in leaves))


class State:
    """The tensors of an episode that turns change, as a flat list, and their way back.

    Numbers in the rule's state, such as its count of turns, are tensors of no axes in the list.
    """

    def __init__(self, episode: Episode):
        self.episode, game = episode, episode.game
        scheduled = episode.scheduled_buffers.buffers
        self.own = [*game.parameters(), *(b for name, b in game.named_buffers() if name not in scheduled)]
        self._like = next(game.parameters())

    def moments(self) -> list[tuple[dict[str, Any], str]]:
        """Return where the optimizers keep tensors: dictionaries and names."""
        states = [o.state[p] for o in self.episode.optimizers.values() for g in o.param_groups for p in g["params"] if p in o.state]
        return [(state, name) for state in states for name, value in state.items() if isinstance(value, Tensor)]

    def read(self) -> list[Tensor]:
        """Return the present tensors; those of the game and the optimizers are the live ones."""
        leaves, _ = tree_flatten(self.episode.rule.state_dict())
        memory = [self._as_tensor(leaf) for leaf in leaves if _varies(leaf)]
        return [*self.own, *(state[name] for state, name in self.moments()), *memory]

    def copy(self) -> list[Tensor]:
        """Return copies of the present tensors."""
        return [tensor.detach().clone() for tensor in self.read()]

    def write(self, values: Sequence[Tensor]) -> None:
        """Put the values of `read` back; numbers of the rule become numbers again."""
        live = [*self.own, *(state[name] for state, name in self.moments())]
        with torch.no_grad():
            torch._foreach_copy_([tensor.detach() for tensor in live], list(values[: len(live)]))
        self.load_memory(values[len(live) :], as_numbers=True)
        self.episode.field.moved()

    def load_memory(self, values: Sequence[Tensor], *, as_numbers: bool) -> None:
        """Load the rule's state from the last tensors of the list."""
        leaves, spec = tree_flatten(self.episode.rule.state_dict())
        new = iter(values)
        loaded = [_back(leaf, next(new), as_numbers) if _varies(leaf) else leaf for leaf in leaves]
        if loaded:
            self.episode.rule.load_state_dict(tree_unflatten(loaded, spec))

    def shape(self) -> Any:
        """Return the structure of the state; a graph fits only that with which it was recorded."""
        leaves, spec = tree_flatten(self.episode.rule.state_dict())
        return len(self.own), len(self.moments()), spec, tuple(type(leaf) if _varies(leaf) else leaf for leaf in leaves)

    def _as_tensor(self, leaf: Any) -> Tensor:
        return leaf if isinstance(leaf, Tensor) else torch.tensor(leaf, dtype=self._like.dtype, device=self._like.device)


def _varies(leaf: Any) -> bool:
    return isinstance(leaf, (Tensor, int, float)) and not isinstance(leaf, bool)


def _back(leaf: Any, value: Tensor, as_numbers: bool) -> Any:
    if isinstance(leaf, Tensor) or not as_numbers:
        return value
    return round(value.item()) if isinstance(leaf, int) else value.item()


class Recorded(NamedTuple):
    """A recorded kind of turn.

    Args:
        graph: Takes the state, the tensors of the batches, each number and each mask; returns the state and the losses of
            all keys, 0 for keys that do not move.
        shape: Structure of the batches.
        draws: Number of batches that a turn draws.
        costs: Gradient evaluations and products of a turn.
    """

    graph: GraphModule
    shape: tuple[Any, ...]
    draws: int
    costs: tuple[int, int]


def record_turn(episode: Episode, state: State, kind: Kind, given: Given, draws: int) -> Recorded:
    """Record a kind of turn; the episode is left as it was.

    Args:
        episode: The episode.
        state: Its state.
        kind: The kind of turn.
        given: Inputs of a turn, as an example.
        draws: Number of batches that a turn draws.

    Raises:
        CannotRecord: The turn does what a graph cannot hold.
    """
    live = state.read()
    count = len(live)
    scheduled = [*episode.scheduled_buffers.buffers.values()]
    leaves, spec = tree_flatten(given.batches)
    drawn = given.drawn()
    roles = episode.game.roles
    lam, *numbers = given.numbers.unbind(0)
    # The game reads its own tensors, so that these are the inputs themselves; moments and memory are loaded from theirs.
    inputs = [*live, *drawn, lam.clone(), *(n.clone() for n in numbers[: len(roles)]), *scheduled]
    inputs += [mask.clone() for mask in given.masks.unbind(0)]
    field, keys = episode.field, episode.game.keys

    def play(*tensors: Tensor) -> list[Tensor]:
        own = len(state.own)
        rest = tensors[count:]
        for (place, name), value in zip(state.moments(), tensors[own:count], strict=False):
            place[name] = value.clone()
        state.load_memory(tensors[own + len(state.moments()) : count], as_numbers=False)
        of_batches = iter(rest[: len(drawn)])
        batches = tree_unflatten([next(of_batches) if isinstance(leaf, Tensor) else leaf for leaf in leaves], spec)
        coupling, *left = rest[len(drawn) :]
        by_role = dict(zip(roles, left, strict=False))
        of_masks = dict(zip(roles, left[len(roles) + len(scheduled) :], strict=False))
        with drawing(episode, batches):
            if kind.fresh:
                episode.draw()
            else:
                episode.batch = batches[0]
            episode.coupling = coupling
            episode.movers, episode.masks = kind.keys, {role: of_masks[role] for role in kind.masked}
            episode.freeze()
            episode.turn.begin({role: by_role[role] for role in kind.roles})
            episode.rule.step(episode.turn)
        if field.first is None:
            raise CannotRecord("the rule evaluates no gradient")
        losses = field.first[0]
        nothing = torch.zeros_like(next(iter(losses.values())))
        positions = [p.detach().flatten()[0] for p in episode.game.parameters()] if episode.game.path else []
        after = [tensor.detach() for tensor in state.read()]
        if len(after) != count:
            raise Grows("the rule's memory, or an optimizer's state, grows from turn to turn")
        return [*after, *(losses[key].detach() if key in losses else nothing for key in keys), *positions]

    with _left_alone(episode, state):
        spent = field.gradient_evaluations, field.products
        graph = record(play, inputs)
        costs = field.gradient_evaluations - spent[0], field.products - spent[1]
    return Recorded(graph, shape_of(given.batches), draws, costs)


@contextlib.contextmanager
def drawing(episode: Episode, batches: Sequence[Batch]) -> Iterator[None]:
    """Let the episode draw these batches within the block, and then those of its stream."""
    waiting = list(batches)
    of_stream = episode.next_batch
    episode.__dict__["next_batch"] = lambda: waiting.pop(0) if waiting else of_stream()
    try:
        yield
    finally:
        del episode.__dict__["next_batch"]


@contextlib.contextmanager
def _left_alone(episode: Episode, state: State) -> Iterator[None]:
    """Restore an episode at the end of the block, and let its parts do within the block only what a recording shows."""
    field, rule = episode.field, episode.rule
    own = [(tensor, tensor.detach().clone()) for tensor in [*state.own, *episode.scheduled_buffers.buffers.values()]]
    memory = rule.state_dict()
    names = ("batch", "batch_spent", "coupling", "movers", "masks")
    attributes = {name: getattr(episode, name) for name in names}
    spent = field.gradient_evaluations, field.products
    moments = {o: dict(o.state) for o in episode.optimizers.values()}
    rates = [(g, g["lr"]) for o in episode.optimizers.values() for g in o.param_groups]
    gradients = [(p, p.grad) for p in episode.game.parameters()]
    for optimizer, states in moments.items():
        optimizer.state.update({p: dict(own_state) for p, own_state in states.items()})
        if isinstance(optimizer, _PROPORTIONAL):
            optimizer.__dict__["step"] = lambda optimizer=optimizer: _scaled_step(optimizer)
    field.__dict__["placed"] = lambda at: _placed(field, at)
    try:
        yield
    finally:
        del field.__dict__["placed"]
        for optimizer, states in moments.items():
            optimizer.__dict__.pop("step", None)
            optimizer.state.clear()
            optimizer.state.update(states)
        for group, rate in rates:
            group["lr"] = rate
        for parameter, gradient in gradients:
            parameter.grad = gradient
        with torch.no_grad():
            for tensor, before in own:
                tensor.copy_(before)
        rule.load_state_dict(memory)
        for name, value in attributes.items():
            setattr(episode, name, value)
        field.gradient_evaluations, field.products = spent
        field.freeze(None, 1.0)


@contextlib.contextmanager
def _placed(field: Any, at: Mapping[str, Tensor] | None) -> Iterator[None]:
    """Copy other numbers into the parameters within the block, because a recording does not show another tensor in their place."""
    if not at:
        yield
        return
    graph, field.kept_graph = field.kept_graph, None
    field._elsewhere += 1
    with torch.no_grad():
        before = {name: field.live(name).clone() for name in at}
        for name, tensor in at.items():
            field.live(name).copy_(tensor)
    try:
        yield
    finally:
        field._elsewhere -= 1
        with torch.no_grad():
            for name, tensor in before.items():
                field.live(name).copy_(tensor)
        field.kept_graph = graph


@torch.no_grad()
def _scaled_step(optimizer: torch.optim.Optimizer) -> None:
    """Step with the learning rate 1 and scale the change: θ ← θ + η(step₁(θ) − θ)."""
    before = [[p.clone() for p in group["params"]] for group in optimizer.param_groups]
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 1.0
    type(optimizer).step(optimizer)
    for group, rate, olds in zip(optimizer.param_groups, rates, before, strict=True):
        group["lr"] = rate
        for p, old in zip(group["params"], olds, strict=True):
            p.copy_(old + aligned(rate, p) * (p - old))
