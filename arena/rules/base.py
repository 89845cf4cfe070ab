"""What an update rule is, and what it may do in a turn.

A rule chooses directions; each player's own `torch.optim` optimizer does the stepping. Most rules are one `direction(field)`; those
that must step more than once write `step(turn)` with `turn.move`, `turn.position` and `turn.restore`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from arena.directions import Direction, copied
from arena.errors import GameFault
from arena.field import Field
from arena.rules.linear import LinearGame, LinearMap
from players.base import hooks


class Cost(NamedTuple):
    """What a turn of two players costs: gradients of one player's loss, and products of one player's rows of the Jacobian."""

    gradient_evaluations: float
    products: float = 0


class UpdateRule:
    """From the field to the players' moves; override `direction` or `step`.

    A rule sees the field of those who move. Where a scheduler lets one player move alone, its rule is that of a game of one player:
    the cross terms vanish, consensus becomes a penalty on that player's own gradient, and so on. The published rules move both.

    Class attributes:
        also: other names that it goes by.

    Example:
        >>> class Backwards(UpdateRule):
        ...     def direction(self, field):
        ...         return {name: -g for name, g in field.gradients().items()}
        >>> Backwards().state_dict()
        {}
    """

    also: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *arguments: Any, **settings: Any) -> "UpdateRule":
        if cls.direction is UpdateRule.direction and cls.step is UpdateRule.step:
            raise GameFault(f"the rule {cls.__name__} has neither direction(field) nor step(turn); write one of the two")
        return super().__new__(cls)

    def direction(self, field: Field) -> Direction:
        """The direction in the place of the gradient: each mover's optimizer steps along it."""
        raise GameFault(f"the rule {type(self).__name__} has no single direction; call step(turn)")

    def step(self, turn: "Turn") -> None:
        """Move the movers once. All directions are computed before anyone moves."""
        turn.move(self.direction(turn.field))

    # What a rule may claim; `check_rule` proves it ---------------------------------------------------------------------------

    def linear_map(self, game: LinearGame) -> LinearMap | None:
        """The linear map that a turn is on a quadratic game with plain SGD; None where it is not linear, or not claimed."""
        return None

    def cost(self) -> Cost | None:
        """What a turn of both players costs once under way; None where it depends on the game."""
        return None

    def report(self) -> dict[str, Tensor | float]:
        """What the rule has to say of its latest turn, such as the iterations of a solver; traced as `rule.NAME`."""
        return {}

    def output(self) -> Direction | None:
        """Parameters by name that the rule puts forward in the place of the live ones (an average); None: the live ones."""
        return None

    # What it remembers ------------------------------------------------------------------------------------------------------

    @property
    def memory(self) -> dict[str, Direction]:
        """Directions that the rule keeps from turn to turn, by a name of its own; saved in checkpoints."""
        return self.__dict__.setdefault("_memory", {})

    def remember(self, name: str, direction: Direction) -> None:
        """Keep a copy of a direction; parameters that it lacks keep what was there."""
        self.memory[name] = {**self.memory.get(name, {}), **copied(direction)}

    def recall(self, name: str, moving: Mapping[str, Tensor], default: Direction | None = None) -> Direction:
        """What was kept of the moving parameters; where nothing was, `default`, or else zero."""
        kept = self.memory.get(name, {})
        zero = lambda n, p: torch.zeros_like(p) if default is None else default[n]  # noqa: E731
        return {n: kept[n] if n in kept else zero(n, p) for n, p in moving.items()}

    def state_dict(self) -> dict[str, Any]:
        """What the rule remembers between turns, as tensors, numbers and strings."""
        return {"memory": {name: copied(direction) for name, direction in self.memory.items()}} if self.memory else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.memory.clear()
        self.memory.update({name: copied(direction) for name, direction in state.get("memory", {}).items()})


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

    @property
    def roles(self) -> tuple[str, ...]:
        """Who moves in this turn."""
        return tuple(self._factors)

    def in_order(self, first: int) -> tuple[str, ...]:
        """Who moves in this turn, beginning with player 1 or 2."""
        return self.roles if first == 1 else self.roles[::-1]

    def learning_rate(self, role: str) -> float:
        """The learning rate η of a role in this turn; of one that stays, the nominal one."""
        return float(self.optimizers[role].param_groups[0]["initial_lr"]) * self._factors.get(role, 1.0)

    def learning_rates(self) -> dict[str, float]:
        """η by moving parameter."""
        return {name: rate for role in self.roles for rate in [self.learning_rate(role)] for name in self.field.names_of(role)}

    def move(self, direction: Direction, scale: float = 1.0, roles: Iterable[str] | None = None) -> None:
        """Step the optimizers of `roles` (of every mover) along `direction`, at `scale` times this turn's learning rate."""
        movers = self._factors if roles is None else roles
        wanted = self.field.moving if roles is None else dict.fromkeys(n for role in movers for n in self.field.names_of(role))
        if not isinstance(direction, dict) or direction.keys() != wanted.keys():
            found = sorted(direction) if isinstance(direction, dict) else type(direction).__name__
            raise GameFault(f"a move was along {found}, but must be along a dictionary of one tensor for each of {list(wanted)}")
        for name, gradient in direction.items():
            parameter = self.field.moving[name]
            aligned = gradient.stride() == parameter.stride()  # fused kernels walk both in one order
            parameter.grad = gradient if aligned else torch.empty_like(parameter).copy_(gradient)
        for role in movers:
            factor, optimizer = self._factors[role], self.optimizers[role]
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * (factor * scale)
            _step(optimizer)
            self._project(role)

    def place(self, parameters: Direction) -> None:
        """Put movers elsewhere, without their optimizers."""
        with torch.no_grad():
            for name, tensor in parameters.items():
                self.field.moving[name].copy_(tensor)
        for role in self.roles:
            self._project(role)

    def _project(self, role: str) -> None:
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
