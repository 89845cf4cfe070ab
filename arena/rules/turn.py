"""A turn: reading the field, moving the players, and restoring an earlier position."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arena.core.directions import Direction, Number, Where, aligned
from arena.core.field.field import Field
from arena.errors import GameFault
from arena.players.base import hooks

_NOTHING = contextlib.nullcontext()


@dataclass(frozen=True)
class Position:
    """The movers' parameters at one time, and optionally their optimizers' states."""

    parameters: dict[str, Tensor]
    moments: dict[str, dict[Tensor, dict[str, Any]]] | None


class Turn:
    """One turn of a rule: read the field, move, and restore an earlier position.

    Args:
        field: The game's field, frozen on the batch of the turn.
        optimizers: One torch optimizer per role.
        fresh_batch: Freeze the field on a new batch within the turn.
    """

    def __init__(self, field: Field, optimizers: Mapping[str, torch.optim.Optimizer], fresh_batch: Callable[[], None]):
        self.field = field
        self.optimizers = optimizers
        self.fresh_batch = fresh_batch
        self._factors: dict[str, Number] = {}
        self.played: int | Tensor = 1
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        self._groups = {role: _group_of_each(field, role, optimizer) for role, optimizer in optimizers.items()}
        self._clips = {role: clip for role, optimizer in optimizers.items() if (clip := getattr(optimizer, "clip", None)) is not None}
        self._projections = {role: hooks(player, "project_") for role, player in field.game.players.items()}

    def begin(self, factors: Mapping[str, Number]) -> None:
        """Begin a turn.

        Args:
            factors: Multiples of the learning rates of the roles that move; other roles are not touched. In a population, 0 for a
                member that does not move.
        """
        self._factors = dict(factors)
        masks = [mask for role in self._factors if (mask := self.field.masks.get(role)) is not None]
        all_play = len(masks) < len(self._factors)
        self.played = 1 if all_play else self.field.as_numbers(torch.stack(masks).any(0))

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles that move in this turn."""
        return tuple(self._factors)

    def in_order(self, first: int) -> tuple[str, ...]:
        """Return the roles that move in this turn, beginning with player 1 or 2."""
        return self.roles if first == 1 else self.roles[::-1]

    def learning_rate(self, role: str) -> Number:
        """Return the learning rate η of a role in this turn; the nominal one for a role that does not move."""
        return self._rate(role, self.optimizers[role].param_groups[0])

    def _rate(self, role: str, group: Mapping[str, Any]) -> Number:
        nominal: Number = group["initial_lr"]
        rate = nominal * self._factors.get(role, 1.0)
        mask = self.field.masks.get(role)
        return rate if mask is None else torch.where(mask, rate, nominal)

    def _rates(self, role: str) -> dict[str, Number]:
        """Return η by moving parameter of a role; those of its optimizer's groups, if they differ."""
        of_role, groups = self.learning_rate(role), self._groups[role]
        return {name: self._rate(role, groups[name]) if groups else of_role for name in self.field.names_of(role)}

    def learning_rates(self) -> dict[str, Number]:
        """Return η by moving parameter."""
        return {name: rate for role in self.roles for name, rate in self._rates(role).items()}

    def step_length(self, alpha: Number, role: str) -> Number:
        """Return α, or the role's learning rate if α is 0."""
        return _or(alpha, self.learning_rate(role))

    def foresight(self, alpha: Number) -> dict[str, Number]:
        """Return step lengths by moving parameter: α, or its learning rate if α is 0."""
        return {name: _or(alpha, rate) for name, rate in self.learning_rates().items()}

    def move(self, direction: Direction, scale: Number = 1.0, roles: Iterable[str] | None = None, where: Where = True) -> None:
        """Step the optimizers along `direction`.

        Args:
            direction: One tensor for each moving parameter of `roles`.
            scale: Multiple of this turn's learning rate.
            roles: Roles to move; all movers by default.
            where: In a population, the members to move.

        Raises:
            GameFault: The direction lacks a moving parameter of `roles`, or has others.
        """
        movers = self._factors if roles is None else roles
        wanted = self.field.moving if roles is None else dict.fromkeys(n for role in movers for n in self.field.names_of(role))
        if not isinstance(direction, dict) or direction.keys() != wanted.keys():
            given = sorted(direction) if isinstance(direction, dict) else type(direction).__name__
            raise GameFault(f"a move was along {given}, but must be along a dictionary of one tensor for each of {list(wanted)}")
        for role, clip in self._clips.items():
            if role in movers:
                own = {name: direction[name] for name in self.field.names_of(role)}
                direction = direction | clip(own, self.field.moving, members=self.field.members is not None)
        for name, gradient in direction.items():
            parameter = self.field.moving[name]
            aligned = gradient.stride() == parameter.stride()  # fused kernels walk both in one order
            parameter.grad = gradient if aligned else torch.empty_like(parameter).copy_(gradient)
        for role in movers:
            factor, optimizer = self._factors[role], self.optimizers[role]
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * (factor * scale)
            if self.field.members is not None:
                optimizer.moves = self._mask(role, where)  # type: ignore[attr-defined]
            _step(optimizer)
            self._project(role, where)
        self.field.moved()

    def _mask(self, role: str, where: Where) -> Tensor | None:
        mask = self.field.masks.get(role)
        if isinstance(where, Tensor):
            return where if mask is None else mask & where
        return mask

    def place(self, parameters: Direction, where: Where = True) -> None:
        """Set parameters and buffers of movers without their optimizers; in a population, those of the members `where`."""
        with torch.no_grad():
            for name, tensor in parameters.items():
                here = self.field.live(name)
                mask = self._mask(self.field.role_of(name), where)
                here.copy_(tensor if mask is None else torch.where(aligned(mask, here), tensor, here))  # type: ignore[arg-type]
        for role in self.roles:
            self._project(role, where)
        self.field.moved()

    def _project(self, role: str, where: Where) -> None:
        projections = self._projections[role]
        with torch.no_grad() if projections else _NOTHING:
            if projections and self.field.members is not None:
                self.field.members.call(self.field.game, projections, self.field.batch, role, self._mask(role, where))
                return
            for project_ in projections:
                project_(self.field.batch)

    def position(self, *, moments: bool = False) -> Position:
        """Copy the movers' parameters, and with `moments` their optimizers' states, for `restore`."""
        parameters = {name: p.detach().clone() for name, p in self.field.moving.items()}
        return Position(parameters, {role: _copy(self.optimizers[role].state) for role in self._factors} if moments else None)

    def restore(self, position: Position) -> None:
        """Restore a position exactly, including the optimizers' states if it has them."""
        with torch.no_grad():
            for name, parameter in self.field.moving.items():
                parameter.copy_(position.parameters[name])
        for role, state in (position.moments or {}).items():
            self.optimizers[role].state.clear()
            self.optimizers[role].state.update(_copy(state))
        self.field.moved()


def _step(optimizer: torch.optim.Optimizer) -> None:
    """Call optimizer.step() without the profiler's label, a tenth of a small net's turn; call hooked or replaced steps unchanged."""
    bare = getattr(type(optimizer).step, "__wrapped__", None)
    hooked = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks or "step" in optimizer.__dict__
    if bare is None or hooked:
        optimizer.step()
    else:
        bare(optimizer)


def _copy(state: Mapping[Tensor, Mapping[str, Any]]) -> dict[Tensor, dict[str, Any]]:
    clone = lambda v: v.clone() if isinstance(v, Tensor) else v  # noqa: E731
    return {p: {name: clone(value) for name, value in moments.items()} for p, moments in state.items()}


def _or(alpha: Number, rate: Number) -> Number:
    """Return α, or the learning rate where α is 0."""
    return torch.where(alpha > 0, alpha, rate) if isinstance(alpha, Tensor) else alpha or rate


def _group_of_each(field: Field, role: str, optimizer: torch.optim.Optimizer) -> dict[str, dict[str, Any]]:
    """Return the group of each parameter of a role by name; nothing if all groups have one learning rate."""
    groups, first = optimizer.param_groups, optimizer.param_groups[0]["lr"]
    if all(group["lr"] is first or (not isinstance(first, Tensor) and group["lr"] == first) for group in groups):
        return {}
    names = {p: name for key in field.game.keys_of(role) for name, p in field.parameters[key].items()}
    return {names[p]: group for group in groups for p in group["params"]}
