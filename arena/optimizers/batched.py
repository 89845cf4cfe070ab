"""The torch optimizers for a population: every hyperparameter may differ from member to member, and only members that move are touched.

A member's steps are those that torch's optimizer of the same name would make alone. Parameters and moments have a leading member axis;
a hyperparameter is a number, or a tensor of shape (K,) where members differ. Updates (η learning rate, g gradient, t the member's steps):

    SGD        b ← βb + g                                               θ ← θ − ηb
    RMSprop    s ← αs + (1 − α)g²      b ← βb + g/(√s + ε)              θ ← θ − ηb
    Sign       θ ← θ − η·sign(g)                   Normalized          θₙ ← θₙ − η·gₙ/‖gₙ‖ for each row n
    Adam       m ← β₁m + (1 − β₁)g     v ← β₂v + (1 − β₂)g²             θ ← θ − η/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε)

with weight decay w added as wθ to g, or for AdamW taken off first, θ ← (1 − ηw)θ.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from arena.accelerate.tracing import compile_traced
from arena.core.directions import Number, aligned
from arena.engine.members.stacking import CannotShare
from arena.optimizers.sign_descent import Normalized, Sign, rows_normalized


class MemberOptimizer(torch.optim.Optimizer):
    """An optimizer of stacked parameters.

    Args:
        parameters: as for any torch optimizer, each of shape (K, …).
        settings: its hyperparameters, numbers or tensors of shape (K,).

    Attributes:
        moves: which members the next step moves, shape (K,); None moves all.
    """

    moments: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Any, **settings: Any):
        self.moves: Tensor | None = None
        self._compiled: dict[Any, Callable[..., Any]] | None = None
        self._counts_on_device = False
        super().__init__(parameters, settings)

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        """One parameter's step, in place; the numbers in `settings` are aligned with the parameter."""
        raise NotImplementedError

    def compile(self) -> None:
        """Make the step one compiled function for each kind of tensors and plain numbers."""
        self._compiled = {}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            states = [self._state(p) for p in parameters]
            moments = [[state[name] for name in self.moments] for state in states]
            touched = [*parameters, *(t for own in moments for t in own)]
            before = [t.clone() for t in touched] if self.moves is not None else []
            gradients, counts = [p.grad for p in parameters], [state["step"] for state in states]
            settings = {name: n for name, n in group.items() if name not in ("params", "initial_lr")}
            if self._compiled is None:
                self._update_all(parameters, gradients, counts, moments, settings)
            else:  # numbers that change go in as tensors, or every value would be compiled anew
                number = lambda n, p=parameters[0]: n if isinstance(n, Tensor) else torch.tensor(n, dtype=p.dtype, device=p.device)  # noqa: E731
                settings["lr"] = number(settings["lr"])
                self._compiled_update(
                    self._compiled, [p.detach() for p in parameters], gradients, [number(c) for c in counts], moments, settings
                )
            for t, old in zip(touched, before, strict=False):
                t.copy_(torch.where(aligned(self.moves, t), t, old))  # type: ignore[arg-type]

    def _compiled_update(self, compiled: dict[Any, Callable[..., Any]], *arguments: Any) -> None:
        leaves, spec = tree_flatten(arguments)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        kind = tuple(leaf.shape if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        if kind not in compiled:

            def update(*tensors: Tensor) -> list[Tensor]:
                left = iter(tensors)
                self._update_all(*tree_unflatten([next(left) if isinstance(leaf, Tensor) else leaf for leaf in leaves], spec))
                return []

            compiled[kind] = compile_traced(update, tensors)
        compiled[kind](*tensors)

    def _state(self, p: Tensor) -> dict[str, Any]:
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros(len(p), dtype=p.dtype, device=p.device) if self._counts_on_device else 0
            state.update({name: torch.zeros_like(p) for name in self.moments})
        more = 1 if self.moves is None else self.moves.to(p.dtype)
        if self._counts_on_device:
            state["step"].add_(more)
        else:
            state["step"] = state["step"] + more
        return state

    def count_on_device(self) -> None:
        """Keep the number of steps in one place on the device, where a recorded turn finds and changes it."""
        self._counts_on_device = True

    def _update_all(self, parameters: Any, gradients: Any, counts: Any, moments: Any, settings: dict[str, Any]) -> None:
        for p, g, count, own in zip(parameters, gradients, counts, moments, strict=True):
            self.update_(p, g, aligned(count, p), *own, **_aligned(settings, p))

    def forget(self, members: Tensor) -> None:
        """Start those members afresh."""
        for state in self.state.values():
            for name in self.moments:
                state[name].masked_fill_(aligned(members, state[name]), 0.0)
            kept = (~members).to(next(iter(self.param_groups[0]["params"])).dtype)
            state["step"] = state["step"].mul_(kept) if self._counts_on_device else state["step"] * kept


class MemberSGD(MemberOptimizer):
    """SGD of every member."""

    moments = ("momentum_buffer",)

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        lr, momentum, weight_decay = (settings[name] for name in ("lr", "momentum", "weight_decay"))
        if some(weight_decay):
            g = g + weight_decay * p
        if some(momentum):
            g = moments[0].mul_(momentum).add_(g)
        p.sub_(lr * g)


class MemberRMSprop(MemberOptimizer):
    """RMSprop of every member."""

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


class MemberAdam(MemberOptimizer):
    """Adam of every member."""

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


class MemberAdamW(MemberAdam):
    """AdamW of every member."""

    decoupled = True


class MemberSign(MemberOptimizer):
    """Sign steps of every member."""

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        p.sub_(settings["lr"] * g.sign())


class MemberNormalized(MemberOptimizer):
    """Normalised steps of every row of every member."""

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        p.sub_(settings["lr"] * rows_normalized(g, 2))


_OF: dict[type[torch.optim.Optimizer], type[MemberOptimizer]] = {
    torch.optim.SGD: MemberSGD,
    Sign: MemberSign,
    Normalized: MemberNormalized,
    torch.optim.RMSprop: MemberRMSprop,
    torch.optim.AdamW: MemberAdamW,  # before Adam, which newer versions derive it from
    torch.optim.Adam: MemberAdam,
}
_USED = ("lr", "betas", "eps", "alpha", "momentum", "weight_decay")
_UNUSED = {"amsgrad", "maximize", "nesterov", "dampening", "centered"}


def some(number: Number) -> bool:
    """Whether a hyperparameter may be other than 0."""
    return isinstance(number, Tensor) or number != 0


def spread(numbers: Sequence[float], like: Tensor) -> Number:
    """One number where all agree, else a tensor of them."""
    return float(numbers[0]) if len(set(numbers)) == 1 else torch.tensor(numbers, dtype=like.dtype, device=like.device)


def member_optimizer(singles: Sequence[torch.optim.Optimizer], parameters: Any) -> MemberOptimizer:
    """The optimizer of a population from those that its members would have alone.

    Args:
        singles: each member's optimizer, of whatever parameters.
        parameters: the stacked parameters, or groups of them, as for any torch optimizer.

    Raises:
        CannotShare: for optimizers of several kinds, or of one that has no form for populations.

    Example:
        >>> from torch import nn
        >>> alone = [torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr) for lr in (0.1, 0.2)]
        >>> p = nn.Parameter(torch.ones(2, 1))
        >>> together = member_optimizer(alone, [p])
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
    return made(parameters, **settings)


def _aligned(settings: dict[str, Any], p: Tensor) -> dict[str, Any]:
    return {name: tuple(aligned(n, p) for n in v) if isinstance(v, tuple) else aligned(v, p) for name, v in settings.items()}
