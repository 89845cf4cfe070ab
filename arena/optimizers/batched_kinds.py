"""Batched SGD, RMSprop, Adam, AdamW, Sign and Normalized: each member's steps are those of torch's optimizer of the same name.

With η the learning rate, g the gradient and t the member's steps:

    SGD        b ← βb + g                                               θ ← θ − ηb
    RMSprop    s ← αs + (1 − α)g²      b ← βb + g/(√s + ε)              θ ← θ − ηb
    Sign       θ ← θ − η·sign(g)                   Normalized          θₙ ← θₙ − η·gₙ/‖gₙ‖ for each row n
    Adam       m ← β₁m + (1 − β₁)g     v ← β₂v + (1 − β₂)g²             θ ← θ − η/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε)

Weight decay w is added as wθ to g; AdamW applies it first, θ ← (1 − ηw)θ.
"""

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from arena.core.directions import Number
from arena.core.field.members import CannotShare
from arena.optimizers.batched import BatchedOptimizer, some
from arena.optimizers.clipping import of_members
from arena.optimizers.sign_descent import Normalized, Sign, rows_normalized


class BatchedSGD(BatchedOptimizer):
    """SGD for every member."""

    moments = ("momentum_buffer",)

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        lr, momentum, weight_decay = (settings[name] for name in ("lr", "momentum", "weight_decay"))
        if some(weight_decay):
            g = g + weight_decay * p
        if some(momentum):
            g = moments[0].mul_(momentum).add_(g)
        p.sub_(lr * g)


class BatchedRMSprop(BatchedOptimizer):
    """RMSprop for every member."""

    moments = ("square_avg", "momentum_buffer")

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        lr, alpha, eps, momentum, weight_decay = (settings[name] for name in ("lr", "alpha", "eps", "momentum", "weight_decay"))
        if some(weight_decay):
            g = g + weight_decay * p
        squares, ball = moments
        squares.mul_(alpha).add_(g * g * (1 - alpha))
        g = g / (squares.sqrt() + eps)
        if some(momentum):
            g = ball.mul_(momentum).add_(g)
        p.sub_(lr * g)


class BatchedAdam(BatchedOptimizer):
    """Adam for every member."""

    moments = ("exp_avg", "exp_avg_sq")
    decoupled: ClassVar[bool] = False

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        (beta1, beta2), lr, eps, weight_decay = (settings[name] for name in ("betas", "lr", "eps", "weight_decay"))
        if some(weight_decay):
            if self.decoupled:
                p.mul_(1 - lr * weight_decay)
            else:
                g = g + weight_decay * p
        mean, square = moments
        mean.mul_(beta1).add_(g * (1 - beta1))
        square.mul_(beta2).add_(g * g * (1 - beta2))
        root = square.sqrt().div_((1 - beta2**count) ** 0.5).add_(eps)
        p.sub_(mean / root.div_(lr / (1 - beta1**count)))


class BatchedAdamW(BatchedAdam):
    """AdamW for every member."""

    decoupled = True


class BatchedSign(BatchedOptimizer):
    """Sign steps for every member."""

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        p.sub_(settings["lr"] * g.sign())


class BatchedNormalized(BatchedOptimizer):
    """Normalised steps of every row for every member."""

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        p.sub_(settings["lr"] * rows_normalized(g, 2))


_OF: dict[type[torch.optim.Optimizer], type[BatchedOptimizer]] = {
    torch.optim.SGD: BatchedSGD,
    Sign: BatchedSign,
    Normalized: BatchedNormalized,
    torch.optim.RMSprop: BatchedRMSprop,
    torch.optim.AdamW: BatchedAdamW,  # before Adam, because newer versions of torch derive it from Adam
    torch.optim.Adam: BatchedAdam,
}
_USED = ("lr", "betas", "eps", "alpha", "momentum", "weight_decay")
_UNUSED = {"amsgrad", "maximize", "nesterov", "dampening", "centered"}


def spread(numbers: Sequence[float], like: Tensor) -> Number:
    """Return one number if all agree, else a tensor of them."""
    return float(numbers[0]) if len(set(numbers)) == 1 else torch.tensor(numbers, dtype=like.dtype, device=like.device)


def batched_optimizer(singles: Sequence[torch.optim.Optimizer], parameters: Any) -> BatchedOptimizer:
    """Build the optimizer of a population from those of its members' single runs.

    Args:
        singles: Optimizer of each member, over any parameters.
        parameters: Stacked parameters, or groups of them, as for any torch optimizer.

    Raises:
        CannotShare: The optimizers differ in kind, or theirs has no batched form.

    Example:
        >>> from torch import nn
        >>> alone = [torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr) for lr in (0.1, 0.2)]
        >>> p = nn.Parameter(torch.ones(2, 1))
        >>> together = batched_optimizer(alone, [p])
        >>> p.grad = torch.ones(2, 1)
        >>> together.step()
        >>> p.tolist()
        [[0.8999999761581421], [0.800000011920929]]
    """
    kinds = {type(single) for single in singles}
    made = next((own for kind, own in _OF.items() if isinstance(singles[0], kind)), None) if len(kinds) == 1 else None
    groups = [single.param_groups[0] for single in singles]
    if made is None or any(group.get(name) for group in groups for name in _UNUSED):
        named = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise CannotShare(
            "a population's optimizers are all SGD, RMSprop, Adam or AdamW in their plain forms, or Sign or Normalized, "
            f"not {named}; they are played one by one"
        )
    parameters = list(parameters)
    like = next(iter(parameters[0]["params"])) if isinstance(parameters[0], dict) else parameters[0]
    settings: dict[str, Any] = {}
    for name in _USED:
        if name == "betas" and name in groups[0]:
            settings[name] = tuple(spread([group[name][i] for group in groups], like) for i in (0, 1))
        elif name in groups[0]:
            settings[name] = spread([group[name] for group in groups], like)
    together = made(parameters, **settings)
    together.clip = of_members(singles, functools.partial(spread, like=like))
    return together
