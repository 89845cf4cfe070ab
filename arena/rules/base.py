"""What an update rule is, and what it may do in a turn.

A rule chooses directions; each player's own `torch.optim` optimizer does the stepping. Most rules are one `direction(field)`; those
that must step more than once write `step(turn)` with `turn.move`, `turn.position` and `turn.restore`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arena.errors import GameFault
from arena.field import Direction, Field
from players.base import hooks


class UpdateRule:
    """From the field to the players' moves; override `direction` or `step`.

    Example:
        >>> class Backwards(UpdateRule):
        ...     def direction(self, field):
        ...         return {name: -g for name, g in field.gradients().items()}
        >>> Backwards().state_dict()
        {}
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.direction is UpdateRule.direction and cls.step is UpdateRule.step:
            raise GameFault(f"the rule {cls.__name__} has neither direction(field) nor step(turn); write one of the two")

    def direction(self, field: Field) -> Direction:
        """The direction in the place of the gradient: each mover's optimizer steps along it."""
        raise GameFault(f"the rule {type(self).__name__} has no single direction; call step(turn)")

    def step(self, turn: "Turn") -> None:
        """Move the movers once. All directions are computed before anyone moves."""
        turn.move(self.direction(turn.field))

    def state_dict(self) -> dict[str, Any]:
        """What the rule remembers between turns, as tensors, numbers and strings."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""


@dataclass(frozen=True)
class Position:
    """Where the movers stood, and their optimizers' moments if they were asked for."""

    parameters: dict[str, Tensor]
    moments: dict[str, dict[Tensor, dict[str, Any]]] | None


class Turn:
    """What a rule may do in one turn: read the field, move, remember a position and go back to it.

    Args:
        field: the game's field; frozen on this turn's batch when a rule sees it.
        optimizers: one torch optimizer per role.
        fresh_batch: freezes the field on a fresh batch within the turn.
    """

    def __init__(self, field: Field, optimizers: Mapping[str, torch.optim.Optimizer], fresh_batch: Callable[[], None]):
        self.field = field
        self.optimizers = optimizers
        self.fresh_batch = fresh_batch
        self._factors: dict[str, float] = {}
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        self._projections = {role: hooks(player, "project_") for role, player in field.game.players.items()}

    def begin(self, factors: Mapping[str, float]) -> None:
        """Say which roles move in this turn, each at which multiple of its own learning rate; the others are not touched."""
        self._factors = dict(factors)

    def move(self, direction: Direction, scale: float = 1.0) -> None:
        """Step every mover's optimizer along `direction`, at `scale` times this turn's learning rate."""
        for name, parameter in self.field.moving.items():
            gradient = direction[name]
            if gradient.stride() != parameter.stride():  # fused kernels walk both in one order
                gradient = torch.empty_like(parameter).copy_(gradient)
            parameter.grad = gradient
        for role, factor in self._factors.items():
            optimizer = self.optimizers[role]
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * (factor * scale)
            _step(optimizer)
            for project_ in self._projections[role]:
                with torch.no_grad():
                    project_()

    def position(self, *, moments: bool = False) -> Position:
        """Where the movers stand now, to be given to `restore`."""
        parameters = {name: p.detach().clone() for name, p in self.field.moving.items()}
        return Position(parameters, {role: _copy(self.optimizers[role].state) for role in self._factors} if moments else None)

    def restore(self, position: Position) -> None:
        """Put the movers back exactly where they stood (and their moments, where the position has them)."""
        with torch.no_grad():
            for name, parameter in self.field.moving.items():
                parameter.copy_(position.parameters[name])
        for role, state in (position.moments or {}).items():
            self.optimizers[role].state.clear()
            self.optimizers[role].state.update(_copy(state))


def _step(optimizer: torch.optim.Optimizer) -> None:
    """optimizer.step() without the profiler's label, a tenth of a small net's turn; hooked or replaced steps are called as they are."""
    bare = getattr(type(optimizer).step, "__wrapped__", None)
    hooked = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks or "step" in optimizer.__dict__
    if bare is None or hooked:
        optimizer.step()
    else:
        bare(optimizer)


def _copy(state: Mapping[Tensor, Mapping[str, Any]]) -> dict[Tensor, dict[str, Any]]:
    clone = lambda v: v.clone() if isinstance(v, Tensor) else v  # noqa: E731
    return {p: {name: clone(value) for name, value in moments.items()} for p, moments in state.items()}
