"""The base of the torch optimizers for a population.

Every hyperparameter may differ between members, and a step changes only the members that move. Parameters and moments have a leading
member axis; a hyperparameter is a number, or a tensor of shape (K,) if members differ.

Shapes: K = members.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from arena.core.directions import Number, aligned
from arena.optimizers.clipping import Clipping

Compiler = Callable[[Callable[..., Any], Sequence[Tensor]], Callable[..., Any]]
"""Compiles a function of tensors, given examples of them."""


class BatchedOptimizer(torch.optim.Optimizer):
    """An optimizer of stacked parameters.

    Args:
        parameters: As for any torch optimizer, each of shape (K, …).
        settings: Hyperparameters, numbers or tensors of shape (K,).

    Attributes:
        moves: Members that the next step moves, (K,); None moves all.
        clip: Limits of the direction of a step, read by `Turn.move`.
    """

    moments: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Any, **settings: Any):
        self.moves: Tensor | None = None
        self.clip: Clipping | None = None
        self._compiled: dict[Any, Callable[..., Any]] | None = None
        self._compiler: Compiler | None = None
        self._counts_on_device = False
        super().__init__(parameters, settings)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs, without the hooks and wrappers of torch, and without compiled steps."""
        own = ("moves", "clip", "_compiler", "_counts_on_device")
        return super().__getstate__() | {name: getattr(self, name) for name in own} | {"_compiled": None if self._compiled is None else {}}

    def update_(self, p: Tensor, g: Tensor, count: Number, *moments: Tensor, **settings: Any) -> None:
        """Step one parameter in place; the numbers in `settings` are aligned with the parameter."""
        raise NotImplementedError

    def compile(self, compiler: Compiler) -> None:
        """Compile the step, once for each combination of shapes and plain numbers.

        Args:
            compiler: Compiles a function of tensors, given examples, such as `arena.accelerate.tracing.compile_graph`.
        """
        self._compiled, self._compiler = {}, compiler

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
            else:  # numbers that change become inputs, because every constant would be compiled anew
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

            assert self._compiler is not None
            compiled[kind] = self._compiler(update, tensors)
        compiled[kind](*tensors)

    def _state(self, p: Tensor) -> dict[str, Any]:
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros(len(p), dtype=p.dtype, device=p.device) if self._counts_on_device else 0
            state.update({name: torch.zeros_like(p) for name in self.moments})
        more = 1 if self.moves is None else self.moves.to(p.dtype)
        if self._counts_on_device:
            if not isinstance(state["step"], Tensor):  # from a checkpoint of a run that counted in numbers
                state["step"] = torch.full((len(p),), float(state["step"]), dtype=p.dtype, device=p.device)
            state["step"].add_(more)
        else:
            state["step"] = state["step"] + more
        return state

    def count_on_device(self) -> None:
        """Keep the number of steps in one place on the device, because a recorded turn reads and changes fixed places."""
        self._counts_on_device = True

    def _update_all(self, parameters: Any, gradients: Any, counts: Any, moments: Any, settings: dict[str, Any]) -> None:
        for p, g, count, own in zip(parameters, gradients, counts, moments, strict=True):
            self.update_(p, g, aligned(count, p), *own, **_aligned(settings, p))

    def forget(self, members: Tensor) -> None:
        """Reset the state of members that begin a new episode."""
        for state in self.state.values():
            for name in self.moments:
                state[name].masked_fill_(aligned(members, state[name]), 0.0)
            kept = (~members).to(next(iter(self.param_groups[0]["params"])).dtype)
            state["step"] = state["step"].mul_(kept) if self._counts_on_device else state["step"] * kept


def some(number: Number) -> bool:
    """Return whether a hyperparameter may differ from 0."""
    return isinstance(number, Tensor) or number != 0


def _aligned(settings: dict[str, Any], p: Tensor) -> dict[str, Any]:
    return {name: tuple(aligned(n, p) for n in v) if isinstance(v, tuple) else aligned(v, p) for name, v in settings.items()}
