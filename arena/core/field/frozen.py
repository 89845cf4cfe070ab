"""One game on one frozen batch: the movers, the names of the parameters, and the evaluation of the losses.

Every evaluation until the next `freeze` uses the same batch, coupling and dropout masks, at the live parameters or at others in their
place.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from arena.core.directions import Direction, aligned, dot
from arena.core.field.batch_norm import layers_of
from arena.core.field.copying import Copied
from arena.core.field.dropout import LAYERS, DropoutMasks
from arena.core.field.members import Members
from arena.core.field.mover_plan import Graph, Plan
from arena.core.game import JOINT, Batch, Game
from arena.core.rng import global_streams
from arena.errors import GameFault, refuse

NOTHING = contextlib.nullcontext()

PRODUCT = 3
"""Gradient evaluations that one product counts as in a budget, measured on nets (`python -m benchmarks.rules`)."""

_RANDOM = (nn.modules.dropout._DropoutNd, nn.RReLU)  # the layers of torch.nn that draw random numbers, from the global generator


class Frozen(Copied):
    """A game frozen on a batch.

    Args:
        game: The game.
        members: The members, if the game is a population: parameters and losses then have a leading member axis.

    Attributes:
        gradient_evaluations: Number of gradients of one player's loss computed so far.
        products: Number of products of one mover's rows of the Jacobian, or of its transpose, computed so far.
        movers: Keys that move.
        masks: By role, the members that move; empty if all do.
        moving: Live parameters of the movers, by name.
        named: All live parameters, by name.
        buffers: All buffers, by name.
        plan: The movers' tensors.
        stochastic: Whether a player draws random numbers in its forward (dropout); a functional draw shows at the first evaluation.
        draws_globally: Whether a player draws from torch's global generator.
        unseen: Whether no evaluation has shown yet if a player does.
        norms: Batch normalisation layers.
        first: Losses and gradients of the first evaluation since `freeze`, at the position where the turn began.
        kept_graph: The movers' gradients with their graph, kept until a player moves.
        differentiated: Keys whose gradients are known to be differentiable.
    """

    def __init__(self, game: Game, members: Members | None = None):
        self.game, self.members = game, members
        self.parameters = {key: {n: p for n, p in game.parameters_of(key).items() if p.requires_grad} for key in game.keys}
        if fixed := [key for key, own in self.parameters.items() if not own and game.parameters_of(key)]:
            raise GameFault(f"the {fixed[0]} cannot move, because all its parameters are frozen; set requires_grad of one that learns")
        self.named = dict(game.named_parameters())
        self.buffers = dict(game.named_buffers())
        self.gradient_evaluations = 0
        self.products = 0
        self.first: tuple[dict[str, Tensor], Direction] | None = None
        self.stochastic = any(isinstance(m, _RANDOM) for m in game.modules())
        self._dropout = DropoutMasks(game, None if members is None else members.count)
        self.draws_globally = any(isinstance(m, _RANDOM) and not isinstance(m, LAYERS) for m in game.modules())
        self.unseen = not self.draws_globally
        self._tracking = [m for m in game.modules() if isinstance(m, nn.modules.batchnorm._NormBase) and m.track_running_stats]
        self.norms = layers_of(game)
        self._seed: int | Sequence[int] | None = None
        self._plans: dict[tuple[str, ...], Plan] = {}
        self.kept_graph: Graph | None = None
        self.differentiated: set[str] = set()
        self._elsewhere = 0  # number of nested `placed` blocks
        self.freeze(None, 1.0)

    def freeze(
        self,
        batch: Batch,
        coupling: float | Tensor,
        movers: Sequence[str] | None = None,
        seed: int | Sequence[int] | None = None,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Fix the batch, the coupling, the movers and the dropout masks of all evaluations until the next `freeze`.

        Args:
            batch: The batch.
            coupling: λ, or one for each member.
            movers: Keys that move; None takes all.
            seed: Seed of the players' own randomness (dropout); in a population, one for each distinct stream.
            masks: By role, the members that move, if not all do.
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

    def moved(self) -> None:
        """Drop the kept graph: the parameters have changed. Their versions need not show that; a fused optimizer raises none."""
        self.kept_graph = None

    @property
    def cost(self) -> int:
        """Cost so far in gradient evaluations; a product counts as three."""
        return self.gradient_evaluations + PRODUCT * self.products

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles that move, in order."""
        return tuple(dict.fromkeys(key.partition(".")[0] for key in self.movers))

    def names_of(self, role: str) -> list[str]:
        """Return the names of a role's moving parameters."""
        return [name for key in self.keys_of(role) for name in self.parameters[key]]

    def keys_of(self, role: str) -> tuple[str, ...]:
        """Return a role's moving keys."""
        return tuple(key for key in self.movers if key.partition(".")[0] == role)

    def role_of(self, name: str) -> str:
        """Return the role that a parameter belongs to."""
        return name.split(".", 2)[1]

    def mask_of(self, name: str) -> Tensor | None:
        """Return the members that move a parameter; None if all do."""
        return self.masks.get(self.role_of(name))

    def moves(self, name: str) -> int | Tensor:
        """Return 1 if a parameter moves, else 0; one number per member if members differ."""
        mask = self.mask_of(name)
        return 1 if mask is None else self.as_numbers(mask)

    def as_numbers(self, mask: Tensor) -> Tensor:
        """Return a mask as numbers 1 and 0, in the precision of the game."""
        return mask.to(next(iter(self.named.values())).dtype)

    def live(self, name: str) -> Tensor:
        """Return a live parameter or buffer, detached."""
        return self._tensor(name).detach()

    def statistics_of(self, roles: Sequence[str]) -> Direction:
        """Return the floating-point buffers of players, such as running statistics; in a population, those with a member axis."""
        own = self.buffers if self.members is None else self.members.buffers
        of_players = {name: self.buffers[name] for name in own if name.startswith("players.") and self.role_of(name) in roles}
        return {name: buffer for name, buffer in of_players.items() if buffer.is_floating_point()}

    def _tensor(self, name: str) -> Tensor:
        return self.named[name] if name in self.named else self.buffers[name]

    @property
    def count(self) -> int | Tensor:
        """Number of moving numbers; one per member if members differ."""
        sizes = {name: p.numel() // (self.members.count if self.members else 1) for name, p in self.moving.items()}
        return sum(self.moves(name) * size for name, size in sizes.items())

    def dot(self, a: Direction, b: Direction) -> Tensor:
        """Return ⟨a, b⟩; in a population, one number per member."""
        return dot(a, b, members=self.members is not None)

    def refuse(self, where: Tensor, why: str, **numbers: Any) -> None:
        """Refuse an update that is undefined; in a population, the members `where` do not move and are reported.

        Args:
            where: Whether the update is undefined, or the members for which it is.
            why: The sentence, with `numbers` to be filled in.

        Raises:
            RuleUndefined: `where` is true, and this is not a population.
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
        """Return the game's losses with these tensors in the place of its parameters."""
        if self.members is None:
            return functional_call(self.game, dict(values), (self.batch, self.coupling, movers))
        at = {**self.named, **values}
        with self._statistics_of_movers(movers) if self.masks and self._tracking else NOTHING:
            return self.members.losses(self.game, at, self.batch, self.coupling, tuple(movers), self._dropout)

    @contextlib.contextmanager
    def _statistics_of_movers(self, movers: Sequence[str]) -> Iterator[None]:
        """Restore the running statistics of members that do not move: their single runs would not have been evaluated."""
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
        """Return a direction that is zero for members that do not move."""
        if not self.masks:
            return direction
        zero, masked = torch.zeros(()), dict(direction)
        for name, tensor in direction.items():
            if (mask := self.mask_of(name)) is not None:
                masked[name] = torch.where(aligned(mask, tensor), tensor, zero.to(tensor))  # type: ignore[arg-type]
        return masked

    def others(self) -> dict[str, list[str]]:
        """Return, by role that moves, the parameters of the other role if it moves too."""
        return {role: [name for other in self.roles if other != role for name in self.names_of(other)] for role in self.roles}

    @contextlib.contextmanager
    def statistics_at_rest(self) -> Iterator[None]:
        """Keep running statistics unchanged within the block; normalisation layers still use those of the batch."""
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
        for p in plan.still:  # building no graph for players that stay is most of the gain over loss.backward()
            p.requires_grad_(False)
        try:
            yield
        finally:
            for p in plan.still:
                p.requires_grad_(True)

    @contextlib.contextmanager
    def placed(self, at: Mapping[str, Tensor] | None) -> Iterator[None]:
        """Put other tensors behind the live parameters and buffers within the block; no number is copied."""
        if not at:
            yield
            return
        before = {name: self._tensor(name).data for name in at}
        graph, self.kept_graph = self.kept_graph, None
        self._elsewhere += 1
        try:
            for name, tensor in at.items():
                self._tensor(name).data = tensor
            yield
        finally:
            self._elsewhere -= 1
            for name, data in before.items():
                self._tensor(name).data = data
            self.kept_graph = graph

    def _check(self, losses: Mapping[str, Tensor], movers: Sequence[str]) -> None:
        name = type(self.game).__name__
        for key in movers:
            loss = losses.get(key)
            if loss is None:
                raise GameFault(f"{name}.losses returned {sorted(losses)}, but '{key}' moves; return one scalar for each mover")
            if not isinstance(loss, Tensor) or loss.dim() != (self.members is not None):
                given = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
                raise GameFault(f"{name}.losses gave {given} for '{key}', but a loss is one scalar; average over the batch")
            if not loss.requires_grad:
                raise GameFault(f"{name}.losses gave '{key}' a loss that no gradient reaches; compute it from the player's output")

    def all_parameters(self) -> dict[str, Tensor]:
        return {name: p.detach() for name, p in self.named.items()}

    def moving_at(self, at: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        return {name: (at or {}).get(name, p.detach()) for name, p in self.moving.items()}

    @contextlib.contextmanager
    def same_masks(self) -> Iterator[None]:
        if not self.draws or self._seed is None:
            yield
            return
        with self._dropout.applied(), self._global_stream() if self.draws_globally or self.unseen else NOTHING:
            yield

    @property
    def draws(self) -> bool:
        """Whether an evaluation needs random streams: a player draws, or may do so, since none has been evaluated yet."""
        return self.stochastic or self.unseen

    @contextlib.contextmanager
    def _global_stream(self) -> Iterator[None]:
        """Seed torch's global generator, so that whatever draws from it draws the same in every evaluation of a turn."""
        devices = {p.device for p in self.game.parameters() if p.device.type == "cuda"}
        with global_streams(devices, self._seed if isinstance(self._seed, int) else 0):
            before = [torch.get_rng_state(), *map(torch.cuda.get_rng_state, devices)] if self.unseen else []
            yield
            if self.unseen:
                after = [torch.get_rng_state(), *map(torch.cuda.get_rng_state, devices)]
                self.saw(drawn=not all(map(torch.equal, before, after)))

    def saw(self, *, drawn: bool) -> None:
        """Take note that an evaluation has drawn from torch's global generator, or has not."""
        self.unseen = False
        self.draws_globally |= drawn
        self.stochastic |= drawn
