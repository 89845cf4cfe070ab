"""One game on one frozen batch: who moves, the names of the parameters, and the evaluation of the losses.

Every evaluation until the next `freeze` sees the same batch, the same coupling and the same dropout masks, at the live parameters or at
others that are put in their place.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from arena.core.directions import Direction, aligned, dot
from arena.core.field.batch_norm import layers_of
from arena.core.field.dropout import LAYERS, DropoutMasks
from arena.core.field.members import Members
from arena.core.field.mover_plan import Graph, Plan
from arena.core.game import JOINT, Batch, Game
from arena.errors import GameFault, refuse

NOTHING = contextlib.nullcontext()

PRODUCT = 3
"""Gradient evaluations that one product is counted as in a budget: what it takes on nets (`python -m benchmarks.rules`)."""

_RANDOM = (nn.modules.dropout._DropoutNd, nn.RReLU)  # the layers of torch.nn that draw random numbers, from the global generator


class Frozen:
    """A game frozen on a batch.

    Args:
        game: the game.
        members: what makes the game a population of K, whose parameters and losses have a leading member axis.

    Attributes:
        gradient_evaluations: gradients of one player's loss computed so far.
        products: products of one mover's rows of the Jacobian, or of its transpose, computed so far.
        movers: the keys that move.
        masks: by role, which members move; empty if all do.
        moving: the live parameters of the movers, by name.
        named: every live parameter by name.
        plan: what the movers need in every turn.
        stochastic: whether a player draws random numbers in its forward (dropout).
        norms: the batch normalisation layers.
        first: losses and gradients of the first evaluation since `freeze`, at the position where the turn began.
        kept_graph: the movers' gradients with their graph, as long as nobody moves.
        differentiated: keys whose gradients have been found to be differentiable.
    """

    def __init__(self, game: Game, members: Members | None = None):
        self.game, self.members = game, members
        self.parameters = {key: game.parameters_of(key) for key in game.keys}
        self.named = dict(game.named_parameters())
        self.gradient_evaluations = 0
        self.products = 0
        self.first: tuple[dict[str, Tensor], Direction] | None = None
        self.stochastic = any(isinstance(m, _RANDOM) for m in game.modules())
        self._dropout = DropoutMasks(game, None if members is None else members.count)
        self._global = any(isinstance(m, _RANDOM) and not isinstance(m, LAYERS) for m in game.modules())
        self._tracking = [m for m in game.modules() if isinstance(m, nn.modules.batchnorm._NormBase) and m.track_running_stats]
        self.norms = layers_of(game)
        self._seed: int | Sequence[int] | None = None
        self._plans: dict[tuple[str, ...], Plan] = {}
        self.kept_graph: Graph | None = None
        self.differentiated: set[str] = set()
        self._elsewhere = 0  # how often other tensors stand in the place of the live ones
        self.freeze(None, 1.0)

    def freeze(
        self,
        batch: Batch,
        coupling: float | Tensor,
        movers: Sequence[str] | None = None,
        seed: int | Sequence[int] | None = None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Fix what the field is a field of; every evaluation until the next `freeze` sees the same batch and the same dropout masks.

        Args:
            batch: the batch.
            coupling: λ, or one for each member.
            movers: the keys that move; None takes all.
            seed: of the players' own randomness (dropout); of a population one for each distinct stream.
            masks: by role, which members move where not all do.
        """
        self.batch, self.coupling = batch, coupling
        self.masks = dict(masks or {})
        self._seed = seed
        if seed is not None:
            self._dropout.seed([seed] if isinstance(seed, int) else seed, None if self.members is None else self.members.stream_of)
        self.first = None
        self.kept_graph = None
        movers = tuple(self.parameters) if movers is None else tuple(movers)
        plan = self.plan_of(movers)
        self.movers, self.moving, self.plan = movers, plan.moving, plan

    @property
    def cost(self) -> int:
        """What has been spent, in gradient evaluations; a product counts as three."""
        return self.gradient_evaluations + PRODUCT * self.products

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that move, in order."""
        return tuple(dict.fromkeys(key.partition(".")[0] for key in self.movers))

    def names_of(self, role: str) -> list[str]:
        """Names of a role's moving parameters."""
        return [name for key in self.keys_of(role) for name in self.parameters[key]]

    def keys_of(self, role: str) -> tuple[str, ...]:
        """A role's moving keys."""
        return tuple(key for key in self.movers if key.partition(".")[0] == role)

    def role_of(self, name: str) -> str:
        """The role that a parameter belongs to."""
        return name.split(".", 2)[1]

    def mask_of(self, name: str) -> Tensor | None:
        """Which members move a parameter; None where all do."""
        return self.masks.get(self.role_of(name))

    def moves(self, name: str) -> int | Tensor:
        """1 where a parameter moves, else 0."""
        mask = self.mask_of(name)
        return 1 if mask is None else self.as_numbers(mask)

    def as_numbers(self, mask: Tensor) -> Tensor:
        """1 where it holds and 0 where it does not, in the precision of the game."""
        return mask.to(next(iter(self.named.values())).dtype)

    def live(self, name: str) -> Tensor:
        """A parameter at present."""
        return self.named[name].detach()

    @property
    def count(self) -> int | Tensor:
        """How many numbers move; where members of a population differ in that, of each."""
        sizes = {name: p.numel() // (self.members.count if self.members else 1) for name, p in self.moving.items()}
        return sum(self.moves(name) * size for name, size in sizes.items())

    def dot(self, a: Direction, b: Direction) -> Tensor:
        """⟨a, b⟩; in a population one number for each member."""
        return dot(a, b, members=self.members is not None)

    def refuse(self, where: Tensor, why: str, **numbers: Any) -> None:
        """Say that the rule has no answer; members of a population of which it holds do not move, and are told of.

        Args:
            where: whether, or which members.
            why: the sentence, with `numbers` to be filled in.

        Raises:
            RuleUndefined: where it holds, unless this is a population.
        """
        if self.members is None:
            refuse(where, why, **numbers)
        elif bool(where.any()):
            self.members.refuse(where, why, numbers)
            stay = dict.fromkeys(self.roles, ~where)
            self.masks = {role: self.masks[role] & stay[role] if role in self.masks else stay[role] for role in self.roles}

    # Evaluation -------------------------------------------------------------------------------------------------------------

    def plan_of(self, movers: tuple[str, ...]) -> Plan:
        plan = self._plans.get(movers)
        if plan is None:
            plan = self._plans[movers] = Plan(self.parameters, movers)
        return plan

    def losses(self, plan: Plan, *, jointly: bool = False) -> dict[str, Tensor]:
        live = self.members is None  # a single game reads its own parameters, which saves a functional call
        movers = (*plan.movers, JOINT) if jointly else plan.movers
        losses = self.game.forward(self.batch, self.coupling, movers) if live else self.call({}, movers)
        if not plan.checked:
            self._check(losses, plan.movers)
            plan.checked = True
        return losses

    def call(self, values: Mapping[str, Tensor], movers: Sequence[str]) -> dict[str, Tensor]:
        """The game's losses with these tensors in the place of its parameters."""
        if self.members is None:
            return functional_call(self.game, dict(values), (self.batch, self.coupling, movers))
        at = {**self.named, **values}
        with self._statistics_of_movers(movers) if self.masks and self._tracking else NOTHING:
            return self.members.losses(self.game, at, self.batch, self.coupling, tuple(movers), self._dropout)

    @contextlib.contextmanager
    def _statistics_of_movers(self, movers: Sequence[str]) -> Iterator[None]:
        """Running statistics stay as they are of members that do not move: alone, they would not have been evaluated."""
        masks = [self.masks.get(key.partition(".")[0]) for key in movers if key != JOINT]
        if any(mask is None for mask in masks):
            yield
            return
        moves = torch.stack([mask for mask in masks if mask is not None]).any(0)
        buffers = [b for layer in self._tracking for b in layer.buffers()]
        before = [b.clone() for b in buffers]
        yield
        for buffer, old in zip(buffers, before, strict=True):
            buffer.copy_(torch.where(aligned(moves, buffer), buffer, old))  # type: ignore[arg-type]

    def masked(self, direction: Direction) -> Direction:
        """Zero for members that do not move."""
        if not self.masks:
            return direction
        zero = torch.zeros(())
        found = dict(direction)
        for name, tensor in direction.items():
            mask = self.mask_of(name)
            if mask is not None:
                found[name] = torch.where(aligned(mask, tensor), tensor, zero.to(tensor))  # type: ignore[arg-type]
        return found

    def others(self) -> dict[str, list[str]]:
        """Per role that moves, the parameters of the other one if that moves too."""
        return {role: [name for other in self.roles if other != role for name in self.names_of(other)] for role in self.roles}

    @contextlib.contextmanager
    def statistics_at_rest(self) -> Iterator[None]:
        """While inside, normalisation layers use the batch's statistics as ever but keep no running ones: a look ahead leaves no trace."""
        training = [layer for layer in self._tracking if layer.training]
        try:
            for layer in training:
                layer.track_running_stats = False
            yield
        finally:
            for layer in training:
                layer.track_running_stats = True

    @contextlib.contextmanager
    def still(self, plan: Plan) -> Iterator[None]:
        for p in plan.still:  # no graph is built for whoever stays: this is most of the gain over loss.backward()
            p.requires_grad_(False)
        try:
            yield
        finally:
            for p in plan.still:
                p.requires_grad_(True)

    @contextlib.contextmanager
    def placed(self, at: Mapping[str, Tensor] | None) -> Iterator[None]:
        """Put other tensors behind the live parameters, and the own ones back: no number is copied."""
        if not at:
            yield
            return
        before = {name: self.named[name].data for name in at}
        self._elsewhere += 1
        try:
            for name, tensor in at.items():
                self.named[name].data = tensor
            yield
        finally:
            self._elsewhere -= 1
            for name, data in before.items():
                self.named[name].data = data

    def _check(self, losses: Mapping[str, Tensor], movers: Sequence[str]) -> None:
        name = type(self.game).__name__
        for key in movers:
            loss = losses.get(key)
            if loss is None:
                raise GameFault(f"{name}.losses returned {sorted(losses)}, but '{key}' moves; return one scalar for each mover")
            if not isinstance(loss, Tensor) or loss.dim() != (self.members is not None):
                found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
                raise GameFault(f"{name}.losses gave {found} for '{key}', but a loss is one scalar; average over the batch")
            if not loss.requires_grad:
                raise GameFault(f"{name}.losses gave '{key}' a loss that no gradient reaches; compute it from the player's output")

    def all_parameters(self) -> dict[str, Tensor]:
        return {name: p.detach() for name, p in self.named.items()}

    def moving_at(self, at: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        return {name: (at or {}).get(name, p.detach()) for name, p in self.moving.items()}

    @contextlib.contextmanager
    def same_masks(self) -> Iterator[None]:
        if not self.stochastic or self._seed is None:
            yield
            return
        with self._dropout.applied(), self._global_stream() if self._global else NOTHING:
            yield

    @contextlib.contextmanager
    def _global_stream(self) -> Iterator[None]:
        """For layers that draw from torch's global generator: the same numbers in every evaluation of a turn."""
        devices = {p.device for p in self.game.parameters() if p.device.type == "cuda"}
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self._seed if isinstance(self._seed, int) else 0)
            yield
