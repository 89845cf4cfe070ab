"""The field as a pure function of the parameters, for the transformations of `torch.func`."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from arena.core.directions import Direction
from arena.core.field.frozen import Frozen
from arena.core.game import Batch, Game


def function_of(frozen: Frozen, movers: Sequence[str]) -> Callable[[Mapping[str, Tensor]], Direction]:
    """Return the field of some keys as a pure function of all parameters by name."""

    def field(parameters: Mapping[str, Tensor]) -> Direction:
        direction: Direction = {}
        for key in movers:
            own = {name: parameters[name] for name in frozen.parameters[key]}

            def loss(own: Mapping[str, Tensor], key: str = key) -> Tensor:
                inputs = (frozen.batch, frozen.coupling, (key,))
                return functional_call(frozen.game, {**parameters, **own}, inputs)[key]

            direction.update(grad(loss)(own))
        return direction

    return field


def across(frozen: Frozen, movers: Sequence[str], points: Mapping[str, Tensor]) -> Direction:
    """Return the gradients of some keys at many positions at once: `points` has a leading axis of positions, other parameters are live."""
    return vmap(lambda at: function_of(frozen, movers)({**frozen.all_parameters(), **at}))(dict(points))


def joint_field(frozen: Frozen, moving: Mapping[str, Tensor]) -> Callable[[Mapping[str, Tensor]], Direction]:
    """Return the gradient of the game's `joint_loss` as a pure function of the parameters that move."""
    rest = {name: p for name, p in frozen.all_parameters().items() if name not in moving}

    def loss(moving: Mapping[str, Tensor]) -> Tensor:
        at = {f"game.{name}": p for name, p in {**rest, **moving}.items()}
        return functional_call(_Joint(frozen.game), at, (frozen.batch, frozen.coupling))

    return grad(loss)


class _Joint(nn.Module):
    """A module whose forward is the game's `joint_loss`, for `functional_call`."""

    def __init__(self, game: Game):
        super().__init__()
        self.game = game

    def forward(self, batch: Batch, coupling: float | Tensor) -> Tensor:
        return self.game.joint_loss(batch, coupling)
