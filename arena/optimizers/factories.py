"""The torch optimizers under short names, with the arguments that matter, in their fast forms.

Any other one is named by its import path, such as `torch.optim.NAdam`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from arena.errors import BadSetting, check_number
from arena.optimizers.sign_descent import Normalized, Sign

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class _Lists:
    """What the fused kernel reads and writes of one group."""

    def __init__(self, optimizer: torch.optim.Optimizer, group: dict[str, Any]):
        self.group = group
        self.parameters = [p for p in group["params"] if p in optimizer.state]
        states = [optimizer.state[p] for p in self.parameters]
        self.means, self.squares = [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states]
        self.counts = torch.stack([s["step"] for s in states]) if states else torch.zeros(0)
        self.one = torch.ones_like(self.counts)  # a Python 1 would be made a tensor, and cast, in each step
        self.steps = list(self.counts.unbind())  # views, so that one addition counts for all
        for state, step in zip(states, self.steps, strict=True):
            state["step"] = step
        self.kernel = _KERNELS["decoupled" if isinstance(optimizer, torch.optim.AdamW) else "coupled"] if _KERNELS else None

    def current(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether the optimizer's state is still the one that was listed, and the same parameters have gradients."""
        last = self.parameters[-1] if self.parameters else None
        return (
            last is not None and optimizer.state[last].get("exp_avg") is self.means[-1] and all(p.grad is not None for p in self.parameters)
        )

    def step(self) -> None:
        group = self.group
        self.counts += self.one
        (beta1, beta2), gradients = group["betas"], [p.grad for p in self.parameters]
        self.kernel(  # type: ignore[misc]
            self.parameters,
            gradients,
            self.means,
            self.squares,
            [],
            self.steps,
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
            grad_scale=None,
            found_inf=None,
        )


_KERNELS: dict[str, Callable[..., None]] = {}
if hasattr(torch, "_fused_adam_") and hasattr(torch, "_fused_adamw_"):  # they are not documented, so a version of torch may lack them
    _KERNELS = {"coupled": torch._fused_adam_, "decoupled": torch._fused_adamw_}


class _Lean:
    """A fused Adam whose later steps skip what torch does anew in each: collecting its lists, grouping by device, checking arguments.

    On nets of a hundred units that takes longer than the step itself. The numbers and the state are torch's.
    """

    _lists: list[_Lists] | None = None

    @torch.no_grad()
    def step(self: Any, closure: Any = None) -> Any:
        lists = self._lists
        usable = lists is not None and closure is None and all(own.current(self) for own in lists)
        if not usable:
            found = super().step(closure)  # type: ignore[misc]
            plain = ("amsgrad", "maximize", "capturable", "differentiable")
            fits = all(group.get("fused") and not any(group[name] for name in plain) for group in self.param_groups)
            self._lists = [_Lists(self, group) for group in self.param_groups] if fits and _KERNELS else None
            return found
        for own in lists:
            own.step()
        return None

    def __getstate__(self: Any) -> Any:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {name: value for name, value in state.items() if name != "_lists"}


class LeanAdam(_Lean, torch.optim.Adam):
    """torch's fused Adam, with less said in each step."""


class LeanAdamW(_Lean, torch.optim.AdamW):
    """torch's fused AdamW, with less said in each step."""


def sgd(parameters: Iterable[nn.Parameter], lr: float = 0.1, momentum: float = 0.0, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Stochastic gradient descent, with heavy-ball momentum if asked for (negative momentum is allowed).

    Args:
        lr: learning rate η, above 0.
        momentum: heavy-ball momentum β, between −1 and 1.
        weight_decay: L2 penalty, at least 0.
    """
    _check(lr, weight_decay)
    check_number("momentum", momentum, above=-1, below=1)
    optimizer = torch.optim.SGD(parameters, lr=lr, momentum=abs(momentum), weight_decay=weight_decay, fused=True)
    for group in optimizer.param_groups:
        group["momentum"] = momentum  # torch's constructor refuses negative momentum; its update does not mind
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
        lr: learning rate η, above 0.
        betas: decay of the first and the second moment, in [0, 1); a first of 0.5 or 0 lets players react to each other.
        eps: added to the root of the second moment, above 0.
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
        lr: learning rate η, above 0.
        betas: decay of the first and the second moment, in [0, 1).
        eps: added to the root of the second moment, above 0.
        weight_decay: decoupled decay, at least 0.
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
        lr: learning rate η, above 0.
        alpha: decay of the mean square, in [0, 1).
        eps: added to the root, above 0.
        momentum: of the update, in [0, 1).
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
        lr: length η of a step in every coordinate, above 0; an attacker's α.
    """
    _check(lr, 0.0)
    return Sign(parameters, lr=lr)


def normalized(parameters: Iterable[nn.Parameter], lr: float = 1e-2) -> torch.optim.Optimizer:
    """Each row of a parameter steps along its own gradient, θₙ ← θₙ − η·gₙ/‖gₙ‖₂: the steps of PGD in the L2 ball.

    Args:
        lr: length η of each row's step, above 0; an attacker's α.
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
