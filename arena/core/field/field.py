"""The game's vector field v(z) = (∇_{θ₁} L₁, ∇_{θ₂} L₂) at z = (θ₁, θ₂), on one frozen batch, and its cost.

Gradients are plain autograd on the live parameters, restricted to the parts that move. With J the Jacobian of v, the products J·t and Jᵀ·c
are in `arena.core.field.second_order`, and gradients at many positions at once in `arena.core.field.functional`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.func import jvp

from arena.core.directions import Direction
from arena.core.field import functional, second_order
from arena.core.field.frozen import NOTHING, Frozen
from arena.core.field.members import Members
from arena.core.field.mover_plan import Graph, Plan, backward
from arena.core.game import JOINT, Game
from arena.core.protocols import CompiledField
from arena.core.rng import one_thread


class Field(Frozen):
    """The vector field of one game, from which rules compute directions.

    Args:
        game: The game.
        members: The members, if the game is a population: parameters, losses and gradients then have a leading member axis.

    Attributes:
        compiled: Compiled losses and gradients, used if present.
        jointly: Whether one backward pass of the game's `joint_losses`, if there are any, gives the gradients of all keys at once.
            Derivatives of the field are always those of the explicit losses.

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
        self.jointly = game.has_joint_losses and game.jointly
        self.compiled: CompiledField | None = None
        super().__init__(game, members)

    def gradients(
        self,
        at: Mapping[str, Tensor] | None = None,
        *,
        of: Sequence[str] | None = None,
        keep: bool = False,
        statistics: bool = False,
    ) -> Direction:
        """Return each mover's gradient of its own loss in its own parameters.

        Args:
            at: Parameters by name that replace the present ones; None evaluates at the present position.
            of: Keys whose gradients are returned; None takes all movers.
            keep: Keep the graph, so that products at this position can share it.
            statistics: Let normalisation layers update their running statistics at `at` too, if no other evaluation of the turn does.

        Raises:
            GameFault: The game returns no usable loss for a mover.
        """
        plan = self.plan if of is None else self.plan_of(tuple(of))
        self.gradient_evaluations += len(plan.own)
        if at is not None:
            with self.placed(at), NOTHING if statistics else self.statistics_at_rest():
                losses, gradients = self._present(plan)
        elif keep:
            graph = self.graph()
            losses, gradients = graph.losses, {name: graph.gradients[name].detach() for name in plan.moving}
        else:
            losses, gradients = self._present(plan)
        self.record(losses, gradients, plan.own)
        return self.masked(gradients)

    def across(self, points: Mapping[str, Tensor]) -> Direction:
        """Return the movers' gradients at many positions at once; `points` are parameters by name, with a leading axis of positions."""
        self.gradient_evaluations += len(self.movers) * len(next(iter(points.values())))
        return functional.across(self, self.movers, points)

    def record(self, losses: Mapping[str, Tensor], gradients: Direction, keys: Iterable[str]) -> None:
        """Record each mover's first loss and gradient since `freeze`, which are the signals of the turn."""
        if self.first is None:
            self.first = {key: losses[key] for key in keys}, dict(gradients)
            return
        for key in keys:
            if key not in self.first[0]:
                self.first[0][key] = losses[key]
                self.first[1].update({name: gradients[name] for name in self.parameters[key]})

    def gradient_of(self, key: str, wrt: Sequence[str], at: Mapping[str, Tensor]) -> tuple[Tensor, Direction]:
        """Return one key's loss and its gradient in any parameters, both differentiable in `at`, for rules that look through moves.

        Args:
            key: Key of the loss.
            wrt: Names of the parameters; each must be in `at`.
            at: Parameters by name that replace the present ones, with `requires_grad`.
        """
        self.gradient_evaluations += 1
        return second_order.gradient_of(self, key, wrt, at)

    def gradients_for_others(self) -> Direction:
        """Return, in each mover's parameters, the gradient of the OTHER player's loss: (∇_{θ₁} L₂, ∇_{θ₂} L₁)."""
        gradients: Direction = {}
        for role in self.roles:
            names = self.names_of(role)
            for key in (key for key in self.game.keys if key.partition(".")[0] != role):
                at = {name: self.moving[name].detach().requires_grad_() for name in names}
                for name, gradient in self.gradient_of(key, names, at)[1].items():
                    gradients[name] = gradients[name] + gradient.detach() if name in gradients else gradient.detach()
        return self.masked(gradients)

    def jvp(
        self, tangent: Direction, at: Mapping[str, Tensor] | None = None, *, of: Sequence[str] | None = None, joint: bool = False
    ) -> Direction:
        """Return J·t: the change of the movers' gradients if the movers are displaced along `tangent`.

        Args:
            tangent: Displacement; parameters that it lacks stay.
            at: Parameters by name that replace the present ones.
            of: Keys whose gradients change (rows of J); None takes all movers.
            joint: Take the field as the gradient of the game's `joint_loss`.

        Raises:
            RuleUndefined: The game has no second derivatives.
        """
        plan = self.plan if of is None else self.plan_of(tuple(of))
        self.products += len(plan.own)
        if joint:
            point = self.moving_at(at)
            zeros = {name: torch.zeros_like(p) for name, p in point.items()}
            with self.same_masks(), one_thread:
                return jvp(functional.joint_field(self, point), (point,), ({**zeros, **tangent},))[1]
        with self.placed(at), self.statistics_at_rest(), second_order.plain(self):
            try:
                with self.still(plan), self.same_masks():
                    return self.masked(self._forward_over_reverse(plan, tangent))
            except NotImplementedError:  # an operation without a forward-mode derivative: the same product by two backward passes
                return self.masked(self._reverse_twice(plan, tangent))

    def vjp(self, cotangent: Direction, at: Mapping[str, Tensor] | None = None, *, of: Sequence[str] | None = None) -> Direction:
        """Return Jᵀ·c: the gradient of ⟨c, v(z)⟩ in the movers' parameters.

        Args:
            cotangent: One number per component of the field (rows of J); those that it lacks count as zero.
            at: Parameters by name that replace the present ones.
            of: Keys whose parameters the product is returned in (columns of J); None takes all movers.

        Raises:
            RuleUndefined: The game has no second derivatives.
        """
        columns = (self.plan if of is None else self.plan_of(tuple(of))).moving
        rows = [key for key in self.movers if any(name in cotangent for name in self.parameters[key])]
        self.products += len(rows)
        with self.placed(at), self.statistics_at_rest(), second_order.plain(self):
            graph = self.graph()
            names = [name for key in rows for name in self.parameters[key] if name in cotangent and graph.gradients[name].requires_grad]
            return self.masked(second_order.pull(graph.gradients, names, [cotangent[name] for name in names], columns))

    def cross(self, tangent: Direction) -> Direction:
        """Return H·t, with H being J without each player's own block: the change of a player's gradient by the other's displacement."""
        return self._cross(self.jvp, tangent)

    def cross_transposed(self, cotangent: Direction) -> Direction:
        """Return Hᵀ·c."""
        return self._cross(self.vjp, cotangent)

    def _cross(self, product: Callable[..., Direction], direction: Direction) -> Direction:
        products: Direction = {}
        for role, others in self.others().items():
            if others:
                products |= product({name: direction[name] for name in others}, of=self.keys_of(role))
        return products or {name: torch.zeros_like(p) for name, p in self.moving.items()}

    def joint_gradients(self, at: Mapping[str, Tensor] | None = None) -> Direction:
        """Return the field as the gradient of the game's `joint_loss` (a single backward pass for all keys)."""
        self.gradient_evaluations += len(self.movers)
        point = self.moving_at(at)
        with self.same_masks():
            return functional.joint_field(self, point)(point)

    # How it is computed -----------------------------------------------------------------------------------------------------

    def _present(self, plan: Plan) -> tuple[dict[str, Tensor], Direction]:
        if self.compiled is not None and plan.checked and (compiled := self._by_compiled(self.compiled, plan)) is not None:
            return compiled
        for p in plan.still:  # as `still` does, without its overhead of microseconds in every turn
            p.requires_grad_(False)
        try:
            with self.same_masks() if self.draws else NOTHING:
                losses = self.losses(plan, jointly=self.jointly and plan.all)
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

    def _by_compiled(self, compiled: CompiledField, plan: Plan) -> tuple[dict[str, Tensor], Direction] | None:
        if self.unseen:
            return None  # the first evaluation shows whether a player draws
        if self.stochastic or self.norms:
            name = type(self.game).__name__
            compiled.why_not = f"{name} has layers of dropout or batch norm, which are not compiled; it is played uncompiled"
            return None
        buffers = self.buffers if self.members is None else {name: self.game.get_buffer(name) for name in self.members.buffers}
        own, rest = plan.tensors() if self._elsewhere else (plan.own_tensors, plan.rest_tensors)
        return compiled(own, rest, buffers, self.batch, self.coupling, jointly=self.jointly and plan.all)

    def graph(self, *, fresh: bool = False) -> Graph:
        """Return the movers' gradients with their graph, which is kept until a player moves."""
        return second_order.graph(self, fresh=fresh)

    def _forward_over_reverse(self, plan: Plan, tangent: Direction) -> Direction:
        return second_order.forward_over_reverse(self, plan, tangent)

    def _reverse_twice(self, plan: Plan, tangent: Direction) -> Direction:
        return second_order.reverse_twice(self, plan, tangent, self.graph(fresh=True))
