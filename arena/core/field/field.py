"""The game's vector field v(z) = (∇_{θ₁} L₁, ∇_{θ₂} L₂) at z = (θ₁, θ₂), on one frozen batch, and what it costs.

Gradients are plain autograd on the live parameters, restricted to the parts that move. With J the Jacobian of v, a product J·t is
forward-mode over reverse-mode, a product Jᵀ·c a second backward pass through a graph that is kept for as long as nobody moves; both cost
about three times the field (Pearlmutter, "Fast exact multiplication by the Hessian", 1994). The same field as a pure function, for
`torch.func`, is what runs under `vmap`.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jvp, vmap

from arena.accelerate.compiled_field import Compiled
from arena.core.directions import Direction, aligned, dot
from arena.core.field.batch_norm import in_plain_arithmetic, layers_of
from arena.core.field.dropout import LAYERS, Masks
from arena.core.field.mover_plan import Graph, Joint, Plan, backward, only_once, pull, quiet_forward_mode
from arena.core.game import JOINT, Batch, Game
from arena.engine.members.stacking import Members
from arena.errors import GameFault, refuse

_NOTHING = contextlib.nullcontext()

PRODUCT = 3
"""Gradient evaluations that one product is counted as in a budget: what it takes on nets (`python -m benchmarks.rules`)."""

_RANDOM = (nn.modules.dropout._DropoutNd, nn.RReLU)  # the layers of torch.nn that draw random numbers, from the global generator


class Field:
    """The vector field of one game; rules ask it for directions.

    Args:
        game: whose field it is.
        members: what makes the game a population of K, whose parameters, losses and gradients have a leading member axis.

    Attributes:
        gradient_evaluations: gradients of one player's loss computed so far.
        movers: the keys that move.
        jointly: whether one backward pass of the game's `joint_losses`, where it has them, gives the gradients of all keys at once.
            Whatever asks for derivatives of the field is answered from the explicit losses.
        masks: by role, which members move; empty where all do.
        moving: the live parameters of the movers, by name.
        products: products of one mover's rows of the Jacobian, or of its transpose, computed so far.
        cost: both in one number, in gradient evaluations.
        stochastic: True where a player draws random numbers in its forward (dropout).
        first: losses and gradients of the first evaluation since `freeze`, at the position where the turn began.

    Example:
        >>> import torch
        >>> from arena.games import Quadratic
        >>> field = Field(Quadratic(matrix=[[0.0, 1.0], [-1.0, 0.0]]))
        >>> field.freeze(batch=None, coupling=1.0)
        >>> at = {"players.x.value": torch.tensor([2.0]), "players.y.value": torch.tensor([3.0])}
        >>> {name: v.tolist() for name, v in field.gradients(at).items()}
        {'players.x.value': [3.0], 'players.y.value': [-2.0]}
        >>> field.gradient_evaluations
        2
    """

    def __init__(self, game: Game, members: Members | None = None):
        self.game, self.members = game, members
        self.parameters = {key: game.parameters_of(key) for key in game.keys}
        self._named = dict(game.named_parameters())
        self._buffers = dict(game.named_buffers())
        self.gradient_evaluations = 0
        self.products = 0
        self.jointly = game.has_joint_losses and game.jointly
        self.first: tuple[dict[str, Tensor], Direction] | None = None
        self.stochastic = any(isinstance(m, _RANDOM) for m in game.modules())
        self._dropout = Masks(game, None if members is None else members.count)
        self._global = any(isinstance(m, _RANDOM) and not isinstance(m, LAYERS) for m in game.modules())
        self._tracking = [m for m in game.modules() if isinstance(m, nn.modules.batchnorm._NormBase) and m.track_running_stats]
        self._norms = layers_of(game)
        self._seed: int | Sequence[int] | None = None
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._kept: Graph | None = None
        self._through: set[str] = set()
        self.compiled: Compiled | None = None
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
        self._kept = None
        movers = tuple(self.parameters) if movers is None else tuple(movers)
        plan = self._plan_of(movers)
        self.movers, self.moving, self._plan = movers, plan.moving, plan

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
        return mask.to(next(iter(self._named.values())).dtype)

    def live(self, name: str) -> Tensor:
        """A parameter at present."""
        return self._named[name].detach()

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

    def gradients(
        self,
        at: Mapping[str, Tensor] | None = None,
        *,
        of: Sequence[str] | None = None,
        keep: bool = False,
        statistics: bool = False,
    ) -> Direction:
        """Each mover's gradient of its own loss in its own parameters.

        Args:
            at: parameters by name that replace the present ones; None evaluates at the present position.
            of: the keys whose gradients are wanted; None takes all movers.
            keep: keep the graph, because products at this position will follow and can share it.
            statistics: let normalisation layers update their running statistics at `at` too, because no other evaluation of the turn does.

        Raises:
            GameFault: where the game gives no usable loss for a mover.
        """
        plan = self._plan if of is None else self._plan_of(tuple(of))
        self.gradient_evaluations += len(plan.own)
        if at is not None:
            with self.placed(at), _NOTHING if statistics else self.statistics_at_rest():
                losses, gradients = self._present(plan)
        elif keep:
            graph = self._graph()
            losses, gradients = graph.losses, {name: graph.gradients[name].detach() for name in plan.moving}
        else:
            losses, gradients = self._present(plan)
        self.record(losses, gradients, plan.own)
        return self._masked(gradients)

    def across(self, points: Mapping[str, Tensor]) -> Direction:
        """The movers' gradients at many positions at once.

        Args:
            points: parameters by name, each with a leading axis of K positions.
        """
        self.gradient_evaluations += len(self.movers) * len(next(iter(points.values())))
        return vmap(lambda at: self._function(self.movers)({**self._all(), **at}))(dict(points))

    def record(self, losses: Mapping[str, Tensor], gradients: Direction, keys: Iterable[str]) -> None:
        """Note a mover's first loss and gradient since `freeze`: the signals of the turn."""
        if self.first is None:
            self.first = {key: losses[key] for key in keys}, dict(gradients)
            return
        for key in keys:
            if key not in self.first[0]:
                self.first[0][key] = losses[key]
                self.first[1].update({name: gradients[name] for name in self.parameters[key]})

    def gradient_of(self, key: str, wrt: Sequence[str], at: Mapping[str, Tensor]) -> tuple[Tensor, Direction]:
        """One key's loss and its gradient in any parameters, both differentiable in `at`: for rules that look through moves.

        Args:
            key: whose loss.
            wrt: names of the parameters; each must be in `at`.
            at: parameters by name that replace the present ones, with `requires_grad`.
        """
        self.gradient_evaluations += 1
        with self._same_masks(), self.statistics_at_rest(), self._second_derivatives():
            loss = self._call(at, (key,))[key]
            found = torch.autograd.grad(loss, [at[name] for name in wrt], torch.ones_like(loss), create_graph=True, allow_unused=True)
            gradients = {name: torch.zeros_like(at[name]) if g is None else g for name, g in zip(wrt, found, strict=True)}
            if key not in self._through:
                self._refuse_dead_ends(gradients)
                self._through.add(key)
        return loss, gradients

    def gradients_for_others(self) -> Direction:
        """In each mover's parameters the gradient of the OTHER player's loss: (∇_{θ₁} L₂, ∇_{θ₂} L₁)."""
        found: Direction = {}
        for role in self.roles:
            names = self.names_of(role)
            for key in (key for key in self.game.keys if key.partition(".")[0] != role):
                at = {name: self.moving[name].detach().requires_grad_() for name in names}
                for name, gradient in self.gradient_of(key, names, at)[1].items():
                    found[name] = found[name] + gradient.detach() if name in found else gradient.detach()
        return self._masked(found)

    def jvp(
        self, tangent: Direction, at: Mapping[str, Tensor] | None = None, *, of: Sequence[str] | None = None, joint: bool = False
    ) -> Direction:
        """J·t: how the movers' gradients change when the movers are displaced along `tangent`.

        Args:
            tangent: a displacement; parameters that it lacks stay.
            at: parameters by name that replace the present ones.
            of: the keys whose gradients are asked about (rows of J); None takes all movers.
            joint: take the field as the gradient of the game's `joint_loss`.

        Raises:
            RuleUndefined: where the game has no second derivatives.
        """
        plan = self._plan if of is None else self._plan_of(tuple(of))
        self.products += len(plan.own)
        if joint:
            point = self._moving_at(at)
            zeros = {name: torch.zeros_like(p) for name, p in point.items()}
            with self._same_masks():
                return jvp(self._joint_function(point), (point,), ({**zeros, **tangent},))[1]
        with self.placed(at), self.statistics_at_rest(), self._second_derivatives():
            try:
                with self._still(plan), self._same_masks():
                    return self._masked(self._forward_over_reverse(plan, tangent))
            except NotImplementedError:  # an operation without a forward-mode derivative: the same product by two backward passes
                return self._masked(self._reverse_twice(plan, tangent))

    def vjp(self, cotangent: Direction, at: Mapping[str, Tensor] | None = None, *, of: Sequence[str] | None = None) -> Direction:
        """Jᵀ·c: the gradient of ⟨c, v(z)⟩ in the movers' parameters.

        Args:
            cotangent: one number per component of the field (rows of J); those that it lacks count as zero.
            at: parameters by name that replace the present ones.
            of: the keys in whose parameters the product is wanted (columns of J); None takes all movers.

        Raises:
            RuleUndefined: where the game has no second derivatives.
        """
        columns = (self._plan if of is None else self._plan_of(tuple(of))).moving
        rows = [key for key in self.movers if any(name in cotangent for name in self.parameters[key])]
        self.products += len(rows)
        with self.placed(at), self.statistics_at_rest(), self._second_derivatives():
            graph = self._graph(fresh=at is not None)
            names = [name for key in rows for name in self.parameters[key] if name in cotangent and graph.gradients[name].requires_grad]
            return self._masked(pull(graph.gradients, names, [cotangent[name] for name in names], columns))

    def cross(self, tangent: Direction) -> Direction:
        """H·t, H being J without each player's own block: what a player's gradient feels of the other's displacement."""
        found: Direction = {}
        for role, others in self._others().items():
            if others:
                found |= self.jvp({name: tangent[name] for name in others}, of=self.keys_of(role))
        return found or {name: torch.zeros_like(p) for name, p in self.moving.items()}

    def cross_transposed(self, cotangent: Direction) -> Direction:
        """Hᵀ·c."""
        found: Direction = {}
        for role, others in self._others().items():
            if others:
                found |= self.vjp({name: cotangent[name] for name in others}, of=self.keys_of(role))
        return found or {name: torch.zeros_like(p) for name, p in self.moving.items()}

    def joint_gradients(self, at: Mapping[str, Tensor] | None = None) -> Direction:
        """The field as the gradient of the game's one `joint_loss` (a single backward pass for all keys)."""
        self.gradient_evaluations += len(self.movers)
        point = self._moving_at(at)
        with self._same_masks():
            return self._joint_function(point)(point)

    # How it is computed -----------------------------------------------------------------------------------------------------

    def _plan_of(self, movers: tuple[str, ...]) -> "Plan":
        plan = self._plans.get(movers)
        if plan is None:
            plan = self._plans[movers] = Plan(self.parameters, movers)
        return plan

    def _present(self, plan: "Plan") -> tuple[dict[str, Tensor], Direction]:
        if self.compiled is not None and plan.checked and (found := self._by_compiled(self.compiled, plan)) is not None:
            return found
        for p in plan.still:  # as `_still` does, without its microseconds: this is every turn
            p.requires_grad_(False)
        try:
            with self._same_masks() if self.stochastic else _NOTHING:
                losses = self._losses(plan, jointly=self.jointly and plan.all)
                flat: list[Tensor | None] = []
                if JOINT in losses:
                    flat += backward(losses[JOINT], list(plan.moving.values()), False)
                else:
                    for key, own in plan.own.items():
                        keep = key != plan.last
                        flat += backward(losses[key], own, keep)
        finally:
            for p in plan.still:
                p.requires_grad_(True)
        pairs = zip(plan.moving.items(), flat, strict=True)
        return losses, {name: torch.zeros_like(p) if g is None else g for (name, p), g in pairs}  # None: no path from this loss

    def _by_compiled(self, compiled: Compiled, plan: "Plan") -> tuple[dict[str, Tensor], Direction] | None:
        if self.stochastic or self._norms:
            compiled.why_not = (
                f"{type(self.game).__name__} has layers of dropout or batch norm, which are not compiled; it is played uncompiled"
            )
            return None
        buffers = self._buffers if self.members is None else {name: self.game.get_buffer(name) for name in self.members.buffers}
        own, rest = plan.tensors() if self._elsewhere else (plan.own_tensors, plan.rest_tensors)
        return compiled(own, rest, buffers, self.batch, self.coupling, jointly=self.jointly and plan.all)

    def _losses(self, plan: "Plan", *, jointly: bool = False) -> dict[str, Tensor]:
        live = self.members is None  # a single game reads its own parameters, which saves a functional call
        movers = (*plan.movers, JOINT) if jointly else plan.movers
        losses = self.game.forward(self.batch, self.coupling, movers) if live else self._call({}, movers)
        if not plan.checked:
            self._check(losses, plan.movers)
            plan.checked = True
        return losses

    def _graph(self, *, fresh: bool = False) -> "Graph":
        """The movers' gradients with their graph, made once for as long as nobody moves."""
        versions = [p._version for p in self.game.parameters()]
        if self._kept is not None and self._kept.versions == versions and not fresh:
            return self._kept
        plan = self._plan
        gradients: Direction = {}
        with self._still(plan), self._same_masks() if self.stochastic else _NOTHING, self._second_derivatives():
            losses = self._losses(plan)
            for key, own in plan.own.items():
                found = torch.autograd.grad(losses[key], own, torch.ones_like(losses[key]), create_graph=True, allow_unused=True)
                named = zip(self.parameters[key].items(), found, strict=True)
                gradients |= {name: torch.zeros_like(p) if g is None else g for (name, p), g in named}
        if not plan.twice:
            self._refuse_dead_ends(gradients)
            plan.twice = True
        graph = Graph(versions, {key: loss.detach() for key, loss in losses.items()}, gradients)
        if not fresh:
            self._kept = graph
        return graph

    def _refuse_dead_ends(self, gradients: Direction) -> None:
        """Autograd passes over nodes that only say that there is no derivative, and would give zeros in their place."""
        waiting = [g.grad_fn for g in gradients.values() if g.grad_fn is not None]
        seen = set(waiting)
        while waiting:
            node = waiting.pop()
            if "Error" in node.name():
                raise only_once(self.game, "its backward pass is marked as differentiable only once")
            fresh = {following for following, _ in node.next_functions if following is not None} - seen
            seen |= fresh
            waiting += fresh

    def _forward_over_reverse(self, plan: "Plan", tangent: Direction) -> Direction:
        found: Direction = {}
        quiet_forward_mode()
        with forward_ad.dual_level():
            duals = {name: forward_ad.make_dual(self._named[name], t) for name, t in tangent.items()}
            losses = self._call(duals, plan.movers)
            for key, own in plan.own.items():
                one, keep = torch.ones_like(losses[key]), key != plan.last
                gradients = torch.autograd.grad(losses[key], own, one, retain_graph=keep, allow_unused=True)
                for (name, p), gradient in zip(self.parameters[key].items(), gradients, strict=True):
                    change = None if gradient is None else forward_ad.unpack_dual(gradient).tangent
                    found[name] = torch.zeros_like(p) if change is None else change.detach()
        return found

    def _reverse_twice(self, plan: "Plan", tangent: Direction) -> Direction:
        """J·t = ∂⟨t, Jᵀu⟩/∂u, which is linear in u."""
        gradients = self._graph(fresh=True).gradients
        names = [name for name in plan.moving if gradients[name].requires_grad]
        along = {name: self._named[name] for name in tangent}
        u = [torch.zeros_like(gradients[name], requires_grad=True) for name in names]
        pulled = torch.autograd.grad([gradients[n] for n in names], list(along.values()), u, create_graph=True, allow_unused=True)
        there = [(name, g) for name, g in zip(along, pulled, strict=True) if g is not None]
        outputs, weights = [g for _, g in there], [tangent[name] for name, _ in there]
        changes = torch.autograd.grad(outputs, u, weights, allow_unused=True) if outputs else [None] * len(u)
        found = dict(zip(names, changes, strict=True))
        return {name: torch.zeros_like(p) if (c := found.get(name)) is None else c for name, p in plan.moving.items()}

    @contextlib.contextmanager
    def _second_derivatives(self) -> Iterator[None]:
        """Say it in a sentence where an operation of the game cannot be differentiated twice."""
        try:
            with in_plain_arithmetic(self._norms) if self._norms else _NOTHING:
                yield
        except (NotImplementedError, RuntimeError) as error:
            text = " ".join(str(error).split())
            if "derivative" not in text and "twice" not in text:
                raise
            raise only_once(self.game, text[:120]) from error

    def _call(self, values: Mapping[str, Tensor], movers: Sequence[str]) -> dict[str, Tensor]:
        """The game's losses with these tensors in the place of its parameters."""
        if self.members is None:
            return functional_call(self.game, dict(values), (self.batch, self.coupling, movers))
        at = {**self._named, **values}
        with self._statistics_of_movers(movers) if self.masks and self._tracking else _NOTHING:
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

    def _masked(self, direction: Direction) -> Direction:
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

    def _others(self) -> dict[str, list[str]]:
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
    def _still(self, plan: "Plan") -> Iterator[None]:
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
        before = {name: self._named[name].data for name in at}
        self._elsewhere += 1
        try:
            for name, tensor in at.items():
                self._named[name].data = tensor
            yield
        finally:
            self._elsewhere -= 1
            for name, data in before.items():
                self._named[name].data = data

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

    def _all(self) -> dict[str, Tensor]:
        return {name: p.detach() for name, p in self._named.items()}

    def _moving_at(self, at: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        return {name: (at or {}).get(name, p.detach()) for name, p in self.moving.items()}

    def _function(self, movers: Sequence[str]) -> Callable[[Mapping[str, Tensor]], Direction]:
        """The field as a pure function of all parameters by name: what jvp, vjp and vmap are taken of."""

        def field(parameters: Mapping[str, Tensor]) -> Direction:
            direction: Direction = {}
            for key in movers:
                own = {name: parameters[name] for name in self.parameters[key]}

                def loss(own: Mapping[str, Tensor], key: str = key) -> Tensor:
                    inputs = (self.batch, self.coupling, (key,))
                    return functional_call(self.game, {**parameters, **own}, inputs)[key]

                direction.update(grad(loss)(own))
            return direction

        return field

    def _joint_function(self, moving: Mapping[str, Tensor]) -> Callable[[Mapping[str, Tensor]], Direction]:
        rest = {name: p for name, p in self._all().items() if name not in moving}

        def loss(moving: Mapping[str, Tensor]) -> Tensor:
            at = {f"game.{name}": p for name, p in {**rest, **moving}.items()}
            return functional_call(Joint(self.game), at, (self.batch, self.coupling))

        return grad(loss)

    @contextlib.contextmanager
    def _same_masks(self) -> Iterator[None]:
        if not self.stochastic or self._seed is None:
            yield
            return
        with self._dropout.applied(), self._global_stream() if self._global else _NOTHING:
            yield

    @contextlib.contextmanager
    def _global_stream(self) -> Iterator[None]:
        """For layers that draw from torch's global generator: the same numbers in every evaluation of a turn."""
        devices = {p.device for p in self.game.parameters() if p.device.type == "cuda"}
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self._seed if isinstance(self._seed, int) else 0)
            yield
