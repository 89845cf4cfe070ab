"""The game's vector field v(z) = (∇_{θ₁} L₁, ∇_{θ₂} L₂) at z = (θ₁, θ₂), on one frozen batch, and what it costs.

At the present position it is plain autograd on the live parameters, restricted to the parts that move. Displaced gradients and
products with the Jacobian J go through `torch.func`, which also makes the same code run under `vmap`.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp, vjp

from arena.errors import GameFault
from arena.game import Batch, Game

Direction = dict[str, Tensor]
"""One tensor per moving parameter, by the parameter's name: a gradient, an update or a tangent."""

try:
    from torch.autograd.graph import _engine_run_backward as _run_backward
except ImportError:  # it is not documented, so a version of torch may lack it
    _run_backward = None  # type: ignore[assignment]

_DROPOUTS = (nn.modules.dropout._DropoutNd, nn.RReLU)  # the layers of torch.nn that draw from the global generator


class Field:
    """The vector field of one game; rules ask it for directions.

    Args:
        game: whose field it is.

    Attributes:
        gradient_evaluations: gradients of one player's loss computed so far.
        movers: the keys that move.
        moving: the live parameters of the movers, by name.
        products: products with the Jacobian or its transpose computed so far.
        stochastic: True where a player draws random numbers in its forward (dropout).
        first: losses and gradients of the first evaluation since `freeze`, at the position where the turn began.

    Example:
        >>> import torch
        >>> from games import Quadratic
        >>> field = Field(Quadratic(matrix=[[0.0, 1.0], [-1.0, 0.0]]))
        >>> field.freeze(batch=None, coupling=1.0)
        >>> at = {"players.x.value": torch.tensor([2.0]), "players.y.value": torch.tensor([3.0])}
        >>> {name: v.tolist() for name, v in field.gradients(at).items()}
        {'players.x.value': [3.0], 'players.y.value': [-2.0]}
        >>> field.gradient_evaluations
        2
    """

    def __init__(self, game: Game):
        self.game = game
        self.parameters = {key: game.parameters_of(key) for key in game.keys}
        self.gradient_evaluations = 0
        self.products = 0
        self.first: tuple[dict[str, Tensor], Direction] | None = None
        self.stochastic = any(isinstance(m, _DROPOUTS) for m in game.modules())
        self._seed: int | None = None
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self.freeze(None, 1.0)

    def freeze(self, batch: Batch, coupling: float | Tensor, movers: Sequence[str] | None = None, seed: int | None = None) -> None:
        """Fix what the field is a field of: the batch, λ, who moves, and the seed of the players' own randomness (dropout).

        Every evaluation until the next `freeze` sees the same batch and the same dropout masks.
        """
        self.batch, self.coupling = batch, coupling
        self._seed = seed
        self.first = None
        movers = tuple(self.parameters) if movers is None else tuple(movers)
        plan = self._plans.get(movers)
        if plan is None:
            plan = self._plans[movers] = _Plan(self.parameters, movers)
        self.movers, self.moving, self._plan = movers, plan.moving, plan

    def gradients(self, at: Mapping[str, Tensor] | None = None) -> Direction:
        """Each mover's gradient of its own loss in its own parameters.

        Args:
            at: parameters by name that replace the present ones; None evaluates at the present position.

        Raises:
            GameFault: where the game gives no usable loss for a mover.
        """
        self.gradient_evaluations += len(self.movers)
        if at is not None:
            return self._function(self.movers)({**self._all(), **at})
        losses, gradients = self._present()
        if self.first is None:
            self.first = losses, gradients
        return gradients

    def jvp(self, tangent: Direction, at: Mapping[str, Tensor] | None = None, *, joint: bool = False) -> Direction:
        """J·t: how every mover's gradient changes when the movers are displaced along `tangent`."""
        self.products += 1
        point = {**self._moving_at(at)}
        with self._same_masks():
            return jvp(self._closed(point, joint), (point,), ({name: tangent[name] for name in point},))[1]

    def vjp(self, cotangent: Direction, at: Mapping[str, Tensor] | None = None) -> Direction:
        """Jᵀ·c: the gradient of ⟨c, v(z)⟩ in the movers' parameters."""
        self.products += 1
        point = self._moving_at(at)
        with self._same_masks():
            pull = vjp(self._closed(point, False), point)[1]
            return pull({name: cotangent[name] for name in point})[0]

    def joint_gradients(self, at: Mapping[str, Tensor] | None = None) -> Direction:
        """The field as the gradient of the game's one `joint_loss` (a single backward pass for all keys)."""
        self.gradient_evaluations += len(self.movers)
        point = self._moving_at(at)
        with self._same_masks():
            return self._closed(point, True)(point)

    # How it is computed -----------------------------------------------------------------------------------------------------

    def _present(self) -> tuple[dict[str, Tensor], Direction]:
        plan = self._plan
        for p in plan.still:  # no graph is built for whoever stays: this is most of the gain over loss.backward()
            p.requires_grad_(False)
        try:
            with self._same_masks() if self.stochastic else _NOTHING:
                losses = self.game.losses(self.batch, self.coupling, self.movers)
                if not plan.checked:
                    self._check(losses)
                    plan.checked = True
                flat: list[Tensor | None] = []
                for key, own in plan.own.items():
                    keep = key != plan.last
                    flat += _backward(losses[key], own, keep)
        finally:
            for p in plan.still:
                p.requires_grad_(True)
        found = zip(plan.moving.items(), flat, strict=True)
        return losses, {name: torch.zeros_like(p) if g is None else g for (name, p), g in found}  # None: no path from this loss

    def _check(self, losses: Mapping[str, Tensor]) -> None:
        name = type(self.game).__name__
        for key in self.movers:
            loss = losses.get(key)
            if loss is None:
                raise GameFault(f"{name}.losses returned {sorted(losses)}, but '{key}' moves; return one scalar for each mover")
            if not isinstance(loss, Tensor) or loss.dim() != 0:
                found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
                raise GameFault(f"{name}.losses gave {found} for '{key}', but a loss is one scalar; average over the batch")
            if not loss.requires_grad:
                raise GameFault(f"{name}.losses gave '{key}' a loss that no gradient reaches; compute it from the player's output")

    def _all(self) -> dict[str, Tensor]:
        return {name: p.detach() for name, p in self.game.named_parameters()}

    def _moving_at(self, at: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        return {name: (at or {}).get(name, p.detach()) for name, p in self.moving.items()}

    def _closed(self, point: Mapping[str, Tensor], joint: bool) -> Callable[[Mapping[str, Tensor]], Direction]:
        rest = {name: p for name, p in self._all().items() if name not in point}
        function = self._joint_function() if joint else self._function(self.movers)
        return lambda moving: function({**rest, **moving})

    def _function(self, movers: Sequence[str]) -> Callable[[Mapping[str, Tensor]], Direction]:
        """The field as a pure function of all parameters by name: what jvp, vjp and vmap are taken of."""

        def field(parameters: Mapping[str, Tensor]) -> Direction:
            direction: Direction = {}
            for key in movers:
                own = {name: parameters[name] for name in self.parameters[key]}

                def loss(own: Mapping[str, Tensor], key: str = key) -> Tensor:
                    inputs = (self.batch, self.coupling, movers)
                    return functional_call(self.game, {**parameters, **own}, inputs)[key]

                direction.update(grad(loss)(own))
            return direction

        return field

    def _joint_function(self) -> Callable[[Mapping[str, Tensor]], Direction]:
        def field(parameters: Mapping[str, Tensor]) -> Direction:
            def loss(own: Mapping[str, Tensor]) -> Tensor:
                return functional_call(_Joint(self.game), {f"game.{n}": p for n, p in own.items()}, (self.batch, self.coupling))

            return grad(loss)(dict(parameters))

        return field

    @contextlib.contextmanager
    def _same_masks(self) -> Iterator[None]:
        if not self.stochastic or self._seed is None:
            yield
            return
        devices = {p.device for p in self.game.parameters() if p.device.type == "cuda"}
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self._seed)
            yield


def _backward(loss: Tensor, own: list[nn.Parameter], keep: bool) -> Sequence[Tensor | None]:
    """torch.autograd.grad(loss, own, retain_graph=keep, allow_unused=True), without its checks of arguments that are known here.

    On nets of a hundred units they cost a twentieth of a turn.
    """
    if _run_backward is None:
        return torch.autograd.grad(loss, own, retain_graph=keep, allow_unused=True)
    return _run_backward((loss,), (torch.ones_like(loss),), keep, False, tuple(own), True, accumulate_grad=False)


class _Plan:
    """What a set of movers needs in every turn, worked out once."""

    def __init__(self, parameters: Mapping[str, Mapping[str, nn.Parameter]], movers: tuple[str, ...]):
        self.own = {key: list(parameters[key].values()) for key in movers}
        self.moving = {name: p for key in movers for name, p in parameters[key].items()}
        self.still = [p for key, own in parameters.items() if key not in movers for p in own.values()]
        self.last = movers[-1] if movers else ""
        self.checked = False


_NOTHING = contextlib.nullcontext()


class _Joint(nn.Module):
    """Lets `functional_call` reach `joint_loss`, since a module has one `forward`."""

    def __init__(self, game: Game):
        super().__init__()
        self.game = game

    def forward(self, batch: Batch, coupling: float | Tensor) -> Tensor:
        return self.game.joint_loss(batch, coupling)


def dot(a: Direction, b: Direction) -> Tensor:
    """⟨a, b⟩ over all parameters.

    Example:
        >>> dot({"x": torch.tensor([1.0, 2.0])}, {"x": torch.tensor([3.0, 4.0])})
        tensor(11.)
    """
    return torch.stack([(a[name] * b[name]).sum() for name in a]).sum()
