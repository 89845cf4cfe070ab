"""The tensors of a set of movers, backward passes with little overhead, and kept graphs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from arena.core.directions import Direction

try:
    from torch.autograd.graph import _engine_run_backward as _run_backward
except ImportError:  # undocumented, so a version of torch may lack it
    _run_backward = None  # type: ignore[assignment]


def backward(loss: Tensor, own: list[nn.Parameter], keep: bool) -> Sequence[Tensor | None]:
    """Return torch.autograd.grad(loss, own, retain_graph=keep, allow_unused=True) without its argument checks.

    On nets of a hundred units the checks cost a twentieth of a turn.
    """
    if _run_backward is None:
        return torch.autograd.grad(loss, own, retain_graph=keep, allow_unused=True)
    return _run_backward((loss,), (torch.ones_like(loss),), keep, False, tuple(own), True, accumulate_grad=False)


class Plan:
    """The tensors of a set of movers, collected once because every turn needs them."""

    def __init__(self, parameters: Mapping[str, Mapping[str, nn.Parameter]], movers: tuple[str, ...]):
        self.movers = movers
        self.own = {key: list(parameters[key].values()) for key in movers}
        self.moving = {name: p for key in movers for name, p in parameters[key].items()}
        self.still = [p for key, own in parameters.items() if key not in movers for p in own.values()]
        self.last = movers[-1] if movers else ""
        self.all = len(movers) == len(parameters)
        self.parameters = parameters
        self.own_tensors, self.rest_tensors = self.tensors()
        self.checked = False
        self.twice = False

    def tensors(self) -> tuple[dict[str, Direction], Direction]:
        """Return the movers' parameters by key, and the others', detached; they share storage with the live ones."""
        moving = {key: {name: p.detach() for name, p in self.parameters[key].items()} for key in self.movers}
        rest = {name: p.detach() for key, others in self.parameters.items() if key not in self.movers for name, p in others.items()}
        return moving, rest


class Graph(NamedTuple):
    """The movers' losses and differentiable gradients at one position."""

    versions: list[int]
    losses: dict[str, Tensor]
    gradients: Direction
