"""The torch optimizers by short names, with the arguments that matter, in their fast forms.

Any other optimizer is named by its import path, such as `torch.optim.NAdam`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from arena.errors import BadSetting, check_number
from arena.optimizers.fused_adam import LeanAdam, LeanAdamW
from arena.optimizers.sign_descent import Normalized, Sign

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def sgd(parameters: Iterable[nn.Parameter], lr: float = 0.1, momentum: float = 0.0, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Stochastic gradient descent, with heavy-ball momentum if asked for (negative momentum is allowed).

    Args:
        lr: Learning rate η, above 0.
        momentum: Heavy-ball momentum β, between −1 and 1.
        weight_decay: L2 penalty, at least 0.
    """
    _check(lr, weight_decay)
    check_number("momentum", momentum, above=-1, below=1)
    optimizer = torch.optim.SGD(parameters, lr=lr, momentum=abs(momentum), weight_decay=weight_decay, fused=True)
    for group in optimizer.param_groups:
        group["momentum"] = momentum  # torch's constructor refuses negative momentum, its update allows it
    return optimizer


def adam(
    parameters: Iterable[nn.Parameter],
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba, arXiv:1412.6980).

    Args:
        lr: Learning rate η, above 0.
        betas: Decay of the first and the second moment, in [0, 1); with a first of 0.5 or 0, players react faster to each other.
        eps: Added to the root of the second moment, above 0.
        weight_decay: L2 penalty, at least 0.
    """
    _check(lr, weight_decay, betas=betas, eps=eps)
    return LeanAdam(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)


def adamw(
    parameters: Iterable[nn.Parameter],
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov & Hutter, arXiv:1711.05101).

    Args:
        lr: Learning rate η, above 0.
        betas: Decay of the first and the second moment, in [0, 1).
        eps: Added to the root of the second moment, above 0.
        weight_decay: Decoupled decay, at least 0.
    """
    _check(lr, weight_decay, betas=betas, eps=eps)
    return LeanAdamW(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)


def rmsprop(
    parameters: Iterable[nn.Parameter],
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """RMSprop (Tieleman & Hinton, 2012): each coordinate divided by a running root mean square.

    Args:
        lr: Learning rate η, above 0.
        alpha: Decay of the mean square, in [0, 1).
        eps: Added to the root, above 0.
        momentum: Momentum of the update, in [0, 1).
        weight_decay: L2 penalty, at least 0.
    """
    _check(lr, weight_decay, eps=eps)
    check_number("alpha", alpha, least=0, below=1)
    check_number("momentum", momentum, least=0, below=1)
    # There is no fused RMSprop; foreach saves most of the same launches.
    arguments: dict[str, Any] = {"alpha": alpha, "eps": eps, "momentum": momentum, "weight_decay": weight_decay}
    return torch.optim.RMSprop(parameters, lr=lr, foreach=True, **arguments)


def sign(parameters: Iterable[nn.Parameter], lr: float = 1e-2) -> torch.optim.Optimizer:
    """The sign of the gradient, θ ← θ − η·sign(g): the steps of FGSM and PGD in the L∞ ball (Goodfellow et al., arXiv:1412.6572).

    Args:
        lr: Length η of a step in every coordinate, above 0; an attacker's α.
    """
    _check(lr, 0.0)
    return Sign(parameters, lr=lr)


def normalized(parameters: Iterable[nn.Parameter], lr: float = 1e-2) -> torch.optim.Optimizer:
    """Each row of a parameter steps along its own gradient, θₙ ← θₙ − η·gₙ/‖gₙ‖₂: the steps of PGD in the L2 ball.

    Args:
        lr: Length η of each row's step, above 0; an attacker's α.
    """
    _check(lr, 0.0)
    return Normalized(parameters, lr=lr)


def _check(lr: float, weight_decay: float, betas: tuple[float, float] | None = None, eps: float | None = None) -> None:
    if isinstance(lr, Tensor):
        raise BadSetting("lr", lr, "a number")
    check_number("lr", lr, above=0)
    check_number("weight_decay", weight_decay, least=0)
    for beta in betas or ():
        check_number("betas", beta, least=0, below=1)
    if eps is not None:
        check_number("eps", eps, above=0)
