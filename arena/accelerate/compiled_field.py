"""The field as one compiled function: losses and gradients of a set of movers, forward and backward in a single graph.

The game's own code is compiled through `torch.func`, so that one call replaces the hundred small ones of an eager turn. It pays if calls
cost more than arithmetic: for small nets, and populations of them. The first call of each set of movers compiles, in seconds to half a
minute; later runs take the compiled code from a folder on disk. Games that cannot be compiled are played uncompiled, and `why_not` gives
the reason.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vjp
from torch.utils._pytree import tree_flatten, tree_unflatten

from arena.accelerate.tracing import compile_graph
from arena.core.directions import Direction
from arena.core.field.members import Members
from arena.core.game import JOINT, Batch, Game
from arena.errors import cause

_PLAIN = (bool, int, float, str, type(None))


class Compiled:
    """The compiled field of a game, or of a population with `members`.

    Attributes:
        why_not: Reason for which nothing is compiled; None if everything is.
    """

    def __init__(self, game: Game, members: Members | None = None):
        self.game, self.members = game, members
        self.why_not: str | None = None
        self._made: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self._coupling: float | None = None
        self._changes = False
        self._plain: list[tuple[dict[str, Any], str, Any]] | None = None
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns if there is no GPU

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs; compiled code holds tensors of this game, so that the copy compiles its own."""
        return vars(self) | {"_made": {}, "_plain": None}

    def __call__(
        self,
        keys: Mapping[str, Mapping[str, Tensor]],
        rest: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        batch: Batch,
        coupling: float | Tensor,
        *,
        jointly: bool = False,
    ) -> tuple[dict[str, Tensor], Direction] | None:
        """Return the losses and gradients of the movers; None if they cannot be compiled.

        Args:
            keys: The movers' parameters by name, by key.
            rest: All other parameters.
            buffers: Buffers, which players and the arena write into; in a population, those with a member axis.
            batch: The batch.
            coupling: λ, or one for each member.
            jointly: Take the gradients of all movers from the one backward pass of the game's `joint_losses`.
        """
        if self.why_not is not None:
            return None
        if self._plain is None:
            every = [(vars(module), name, value) for module in self.game.modules() for name, value in vars(module).items()]
            self._plain = [(own, name, value) for own, name, value in every if isinstance(value, _PLAIN) and str(value) != "nan"]
        if any(attributes[name] != value for attributes, name, value in self._plain):  # compiled code holds the old value
            self._made.clear()
            self._plain = [(attributes, name, attributes[name]) for attributes, name, _ in self._plain]
        lam = self._stable(coupling, next(iter(next(iter(keys.values())).values())))
        leaves, spec = _flat(batch)
        moving = [p for part in keys.values() for p in part.values()]
        inputs = [*moving, *rest.values(), *buffers.values(), *[leaf for leaf in leaves if isinstance(leaf, Tensor)]]
        if isinstance(lam, Tensor):
            inputs.append(lam)
        shapes = [leaf.shape if isinstance(leaf, Tensor) else str(leaf) for leaf in leaves]
        kind = (*keys, jointly, self.game.idle, lam if isinstance(lam, float) else None, *shapes)
        try:
            with torch.no_grad():
                function = self._made.get(kind)
                if function is None:
                    function = self._made[kind] = self._make(keys, rest, buffers, (leaves, spec), lam, inputs, jointly)
                outputs = function(*inputs)
        except Exception as error:
            self.why_not = f"{type(self.game).__name__} could not be compiled ({cause(error)}); it is played uncompiled"
            return None
        names = [name for part in keys.values() for name in part]
        return dict(zip(keys, outputs, strict=False)), dict(zip(names, outputs[len(keys) :], strict=True))

    def _make(
        self, keys: Any, rest: Any, buffers: Any, batch: Any, lam: float | Tensor, inputs: list[Tensor], jointly: bool
    ) -> Callable[..., Any]:
        """Return a compiled function of a flat list of tensors; it is traced first, so that a call does not read the game's modules."""
        names = {key: list(part) for key, part in keys.items()}
        others, own_buffers = list(rest), list(buffers)
        leaves, spec = batch

        def flat(*tensors: Tensor) -> list[Tensor]:
            left = iter(tensors)
            own = {key: {name: next(left) for name in part} for key, part in names.items()}
            around = {name: next(left) for name in others}
            stacked = {name: next(left) for name in own_buffers}
            remaining = list(left)
            coupling = remaining.pop() if isinstance(lam, Tensor) else lam
            drawn = iter(remaining)
            batch = tree_unflatten([next(drawn) if isinstance(leaf, Tensor) else leaf for leaf in leaves], spec)
            axes = self.members.axes(batch) if self.members is not None else None
            losses, direction = self._function(tuple(names), axes, coupling, jointly)(own, around, stacked, batch, coupling)
            return [*(losses[key] for key in names), *(direction[name] for part in names.values() for name in part)]

        return compile_graph(flat, inputs)

    def _stable(self, coupling: float | Tensor, like: Tensor) -> float | Tensor:
        """Return λ as a number until it changes, then as a tensor, because every new number would be compiled anew."""
        if isinstance(coupling, Tensor):
            return coupling
        if self._coupling is None:
            self._coupling = coupling
        self._changes = self._changes or coupling != self._coupling
        return torch.tensor(coupling, dtype=like.dtype, device=like.device) if self._changes else coupling

    def _function(
        self, keys: tuple[str, ...], axes: Any, lam: float | Tensor, jointly: bool
    ) -> Callable[..., tuple[dict[str, Tensor], Direction]]:
        game = self.game

        def one(own: Any, rest: Any, buffers: Any, batch: Any, coupling: Any) -> Any:
            def call(own: Any, *joint: str) -> dict[str, Tensor]:
                flat = {name: p for part in own.values() for name, p in part.items()}
                return functional_call(game, {**rest, **flat, **buffers}, (batch, coupling, (*keys, *joint)))

            def losses(own: Any) -> tuple[Tensor, ...]:
                by_key = call(own)
                return tuple(by_key[key] for key in keys)

            def joint(own: Any) -> tuple[Tensor, dict[str, Tensor]]:
                by_key = call(own, JOINT)
                return by_key.pop(JOINT), by_key

            if jointly:
                value, pull_all, by_key = vjp(joint, own, has_aux=True)  # type: ignore[misc]
                (gradients,) = pull_all(torch.ones_like(value))
                return {key: by_key[key] for key in keys}, {name: g for part in gradients.values() for name, g in part.items()}
            values, pull = vjp(losses, own)  # type: ignore[misc]  # without has_aux it returns two values
            direction = {}
            for i, key in enumerate(keys):
                weights = tuple(torch.ones_like(v) if i == j else torch.zeros_like(v) for j, v in enumerate(values))
                direction.update(pull(weights)[0][key])
            return dict(zip(keys, values, strict=True)), direction

        if self.members is None:
            return one
        lam_axis = 0 if isinstance(lam, Tensor) and lam.dim() else None
        return torch.vmap(one, in_dims=(0, 0, 0, axes, lam_axis))


def _flat(batch: Batch) -> tuple[list[Any], Any]:
    """Return the leaves of a batch, and its tree."""
    if type(batch) is tuple and all(isinstance(leaf, Tensor) for leaf in batch):  # most batches
        if len(batch) not in _TUPLES:
            _TUPLES[len(batch)] = tree_flatten(batch)[1]
        return list(batch), _TUPLES[len(batch)]
    return tree_flatten(batch)


_TUPLES: dict[int, Any] = {}
