"""What an update rule is, and what it may do in a turn.

A rule chooses directions; each player's own `torch.optim` optimizer does the stepping. Most rules are one `direction(field)`; those
that must step more than once write `step(turn)` with `turn.move`, `turn.position` and `turn.restore`.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from arena.core.directions import Direction, Number, Where, aligned, choose, copied
from arena.core.field.field import Field
from arena.errors import GameFault
from arena.players.base import hooks
from arena.rules.linear import LinearGame, LinearMap


class Cost(NamedTuple):
    """What a turn of two players costs: gradients of one player's loss, and products of one player's rows of the Jacobian."""

    gradient_evaluations: float
    products: float = 0


class UpdateRule:
    """From the field to the players' moves; override `direction` or `step`.

    A rule sees the field of those who move. Where a scheduler lets one player move alone, its rule is that of a game of one player:
    the cross terms vanish, consensus becomes a penalty on that player's own gradient, and so on. The published rules move both.

    In a population its coefficients may be tensors, one number for each member: write arithmetic with `plus` and `times`, and decide by
    `choose` rather than by `if`.

    Class attributes:
        also: other names that it goes by.
        may_differ: its arguments that may differ within a population though they are whole numbers; those that are not, always may.

    Example:
        >>> class Backwards(UpdateRule):
        ...     def direction(self, field):
        ...         return {name: -g for name, g in field.gradients().items()}
        >>> Backwards().state_dict()
        {}
    """

    _arena_kind: ClassVar[str] = "rule"
    also: ClassVar[tuple[str, ...]] = ()
    may_differ: ClassVar[tuple[str, ...]] = ()

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

    @property
    def _known(self) -> dict[str, dict[str, Tensor]]:
        """Of which members something is in the memory, where it is not so for all."""
        return self.__dict__.setdefault("_known_", {})

    def attach(self, field: Field | None) -> None:
        """Say whose rule it is: in a population, memory is kept only of members that move."""
        self.__dict__["_field"] = field
        for inner in vars(self).values():
            if isinstance(inner, UpdateRule):
                inner.attach(field)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_field"}  # a copy of a rule is nobody's yet

    @property
    def field(self) -> Field:
        """The field of the game that the rule is attached to."""
        return self.__dict__["_field"]

    def _movers(self, name: str) -> Tensor | None:
        """Which members move a parameter; None where all do."""
        field = self.__dict__.get("_field")
        return None if field is None or not field.masks else field.mask_of(name)

    def remember(self, name: str, direction: Direction, where: Where = True) -> None:
        """Keep a copy of a direction; parameters that it lacks, and members that do not move, keep what was there.

        Args:
            name: under which it is kept.
            direction: what is kept.
            where: whether, or for which members.
        """
        if where is False:
            return
        kept, known = dict(self.memory.get(name, {})), self._known.setdefault(name, {})
        for n, tensor in direction.items():
            mask = self._movers(n)
            if isinstance(where, Tensor):
                mask = where if mask is None else mask & where
            if mask is None:
                kept[n] = tensor.detach().clone()
                known.pop(n, None)
            elif n in kept:
                kept[n] = torch.where(aligned(mask, tensor), tensor.detach(), kept[n])  # type: ignore[arg-type]
                if n in known:
                    known[n] = known[n] | mask
            else:
                kept[n], known[n] = tensor.detach().clone(), mask.clone()
        self.memory[name] = kept

    def recall(self, name: str, moving: Mapping[str, Tensor], default: Direction | None = None) -> Direction:
        """What was kept of the moving parameters; where nothing was, `default`, or else zero."""
        kept, known, found = self.memory.get(name, {}), self._known.get(name, {}), {}
        for n, p in moving.items():
            nothing = torch.zeros_like(p) if default is None else default[n]
            masks = [m for m in (known.get(n), self._movers(n)) if m is not None]
            found[n] = kept.get(n, nothing)
            for mask in masks if n in kept else ():
                found[n] = torch.where(aligned(mask, nothing), found[n], nothing)  # type: ignore[arg-type]
        return found

    def knows(self, name: str, moving: Mapping[str, Tensor]) -> Where:
        """Whether something was kept of all the moving parameters; where members differ in that, of which members."""
        kept, known = self.memory.get(name, {}), self._known.get(name, {})
        answer: Where = True
        for n in moving:
            movers = self._movers(n)
            if n not in kept:
                own: Where = False if movers is None else ~movers
            elif n in known:
                own = known[n] if movers is None else known[n] | ~movers
            else:
                continue
            answer = own if answer is True else answer & own
        return answer

    def kept(self, name: str) -> Direction | None:
        """What was kept; the live parameters stand in for members of which nothing was, and None for a memory that is empty."""
        kept, known = self.memory.get(name), self._known.get(name)
        field = self.__dict__.get("_field")
        if not kept or not known or field is None:
            return kept
        return {n: choose(known[n], {n: t}, {n: field.live(n)})[n] if n in known else t for n, t in kept.items()}

    def forget(self, members: Tensor) -> None:
        """Forget what was kept of those members of a population that begin afresh."""
        for name, kept in self.memory.items():
            known = self._known.setdefault(name, {})
            for n in kept:
                known[n] = known[n] & ~members if n in known else ~members

    def state_dict(self) -> dict[str, Any]:
        """What the rule remembers between turns, as tensors, numbers and strings."""
        found = {"memory": {name: copied(direction) for name, direction in self.memory.items()}} if self.memory else {}
        known = {name: copied(masks) for name, masks in self._known.items() if masks}
        return found | ({"known": known} if known else {})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.memory.clear()
        self.memory.update({name: copied(direction) for name, direction in state.get("memory", {}).items()})
        self._known.clear()
        self._known.update({name: copied(masks) for name, masks in state.get("known", {}).items()})


_NOTHING = contextlib.nullcontext()


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
        self._factors: dict[str, Number] = {}
        self.played: int | Tensor = 1
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        self._projections = {role: hooks(player, "project_") for role, player in field.game.players.items()}

    def begin(self, factors: Mapping[str, Number]) -> None:
        """Say which roles move in this turn, each at which multiple of its own learning rate; the others are not touched.

        Where members of a population differ in that, the factor is 0 of a member that does not move.
        """
        self._factors = dict(factors)
        masks = [mask for role in self._factors if (mask := self.field.masks.get(role)) is not None]
        all_play = len(masks) < len(self._factors)
        self.played = 1 if all_play else self.field.as_numbers(torch.stack(masks).any(0))

    @property
    def roles(self) -> tuple[str, ...]:
        """Who moves in this turn."""
        return tuple(self._factors)

    def in_order(self, first: int) -> tuple[str, ...]:
        """Who moves in this turn, beginning with player 1 or 2."""
        return self.roles if first == 1 else self.roles[::-1]

    def learning_rate(self, role: str) -> Number:
        """The learning rate η of a role in this turn; of one that stays, the nominal one."""
        nominal = self.optimizers[role].param_groups[0]["initial_lr"]
        rate = nominal * self._factors.get(role, 1.0)
        mask = self.field.masks.get(role)
        return rate if mask is None else torch.where(mask, rate, nominal)

    def learning_rates(self) -> dict[str, Number]:
        """η by moving parameter."""
        return {name: rate for role in self.roles for rate in [self.learning_rate(role)] for name in self.field.names_of(role)}

    def step_length(self, alpha: Number, role: str) -> Number:
        """A length that was given, or where it is 0 the role's own learning rate."""
        if isinstance(alpha, Tensor):
            return torch.where(alpha > 0, alpha, self.learning_rate(role))
        return alpha or self.learning_rate(role)

    def foresight(self, alpha: Number) -> dict[str, Number]:
        """A step length by moving parameter: `alpha`, or where it is 0 each one's own learning rate."""
        return {name: step for role in self.roles for step in [self.step_length(alpha, role)] for name in self.field.names_of(role)}

    def move(self, direction: Direction, scale: Number = 1.0, roles: Iterable[str] | None = None, where: Where = True) -> None:
        """Step the optimizers along `direction`.

        Args:
            direction: one tensor for each moving parameter of `roles`.
            scale: multiple of this turn's learning rate.
            roles: whose; every mover's where none are given.
            where: in a population, which of the members that move.

        Raises:
            GameFault: for a direction that is no such dictionary.
        """
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
            if self.field.members is not None:
                optimizer.moves = self._mask(role, where)  # type: ignore[attr-defined]
            _step(optimizer)
            self._project(role, where)

    def _mask(self, role: str, where: Where) -> Tensor | None:
        mask = self.field.masks.get(role)
        if isinstance(where, Tensor):
            return where if mask is None else mask & where
        return mask

    def place(self, parameters: Direction, where: Where = True) -> None:
        """Put movers elsewhere, without their optimizers; of a population those members `where` it holds."""
        with torch.no_grad():
            for name, tensor in parameters.items():
                here = self.field.moving[name]
                mask = self._mask(self.field.role_of(name), where)
                here.copy_(tensor if mask is None else torch.where(aligned(mask, here), tensor, here))  # type: ignore[arg-type]
        for role in self.roles:
            self._project(role, where)

    def _project(self, role: str, where: Where) -> None:
        projections = self._projections[role]
        with torch.no_grad() if projections else _NOTHING:
            if projections and self.field.members is not None:
                self.field.members.call(self.field.game, projections, self.field.batch, role, self._mask(role, where))
                return
            for project_ in projections:
                project_(self.field.batch)

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
