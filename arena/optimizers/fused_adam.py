"""Fused Adam and AdamW with little overhead per step."""

from collections.abc import Callable
from typing import Any

import torch


class _Lists:
    """The tensors of one parameter group that the fused kernel reads and writes."""

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
        """Whether the listed state is still the optimizer's, and the same parameters have gradients."""
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
if hasattr(torch, "_fused_adam_") and hasattr(torch, "_fused_adamw_"):  # undocumented, so a version of torch may lack them
    _KERNELS = {"coupled": torch._fused_adam_, "decoupled": torch._fused_adamw_}


class _Lean:
    """Skips the work that torch repeats in every step: collecting lists, grouping by device, checking arguments.

    On nets of a hundred units that work takes longer than the step itself. The numbers and the state are torch's.
    """

    _lists: list[_Lists] | None = None

    @torch.no_grad()
    def step(self: Any, closure: Any = None) -> Any:
        lists = self._lists
        usable = lists is not None and closure is None and all(tensors.current(self) for tensors in lists)
        if not usable:
            loss = super().step(closure)  # type: ignore[misc]
            plain = ("amsgrad", "maximize", "capturable", "differentiable")
            fits = all(group.get("fused") and not any(group[name] for name in plain) for group in self.param_groups)
            self._lists = [_Lists(self, group) for group in self.param_groups] if fits and _KERNELS else None
            return loss
        for tensors in lists:
            tensors.step()
        return None

    def __getstate__(self: Any) -> Any:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {name: value for name, value in state.items() if name != "_lists"}


class LeanAdam(_Lean, torch.optim.Adam):
    """Fused Adam without torch's per-step checks."""


class LeanAdamW(_Lean, torch.optim.AdamW):
    """Fused AdamW without torch's per-step checks."""
