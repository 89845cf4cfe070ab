"""A turn as one graph of operations without side effects, recorded while the project's own code plays it.

The recording is made below autograd: it holds what the game, the rule and the optimizers did to tensors, including backward passes,
Jacobian products and the mapping over members, and nothing of how they were written. Changes in place are then turned into new values, so
that the graph is a function from the tensors before the turn to those after it.

https://docs.pytorch.org/docs/stable/func.api.html (`functionalize`), `torch.fx.experimental.proxy_tensor.make_fx`
"""

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functionalize
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

_aten = torch.ops.aten


class CannotRecord(Exception):
    """The turn depends on values in Python, for example by a branch on a tensor."""


class Grows(CannotRecord):
    """The state after the turn has more tensors than that before it."""


def record(play: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]) -> GraphModule:
    """Record a function that reads and changes tensors.

    Args:
        play: Plays a turn once on the very tensors of `inputs`, which it may change, and returns tensors.
        inputs: Every tensor that may have another value in another turn; all others become constants of the graph.

    Returns:
        A graph of the values of `inputs` that returns those of `play`'s tensors, and changes nothing.

    Raises:
        CannotRecord: `play` reads a tensor as a Python number.

    Example:
        >>> x = torch.ones(2)
        >>> graph = record(lambda x: [x.mul_(3).sum()], [x])
        >>> x.tolist(), graph(torch.full((2,), 5.0))[0].item(), x.tolist()
        ([3.0, 3.0], 30.0, [3.0, 3.0])
    """
    from torch._decomp import core_aten_decompositions  # imported late, because the import takes a second

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = make_fx(play, decomposition_table=_written_out(), tracing_mode="real")(*inputs)
            _without_labels(graph)
            examples = [tensor.detach() for tensor in inputs]
            pure = make_fx(
                functionalize(graph, remove="mutations_and_views"),
                decomposition_table={**core_aten_decompositions(), **_written_out()},
                tracing_mode="fake",
                _allow_non_fake_inputs=True,
            )(*examples)
    except RuntimeError as error:
        if "value out of a tracing tensor" in str(error):
            raise CannotRecord("it reads a tensor as a Python number, for example to branch on it") from error
        raise
    for node in reversed(pure.graph.nodes):
        if node.target is _aten.copy_.default and not node.users:  # the new values are returned, and need not be written back
            pure.graph.erase_node(node)
    pure.graph.eliminate_dead_code()
    pure.recompile()
    return pure


def _without_labels(graph: GraphModule) -> None:
    """Erase the profiler's labels, such as those around the step of an optimizer."""
    for node in reversed(graph.graph.nodes):
        if str(node.target).startswith("profiler."):
            graph.graph.erase_node(node)
    graph.recompile()


def _fused_adam_(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    _largest: Sequence[Tensor],
    steps: Sequence[Tensor],
    *,
    lr: Any,
    beta1: Any,
    beta2: Any,
    weight_decay: float,
    eps: float,
    decoupled: bool = False,
    **others: Any,
) -> None:
    """Adam as torch's fused kernel computes it: θ ← θ − η/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε)."""
    _plain(others)
    for p, given, mean, square, step in zip(parameters, gradients, means, squares, steps, strict=True):
        g, t = given, step.to(p.dtype)
        if weight_decay and decoupled:
            p.mul_(1 - lr * weight_decay)
        elif weight_decay:
            g = g + weight_decay * p
        mean.mul_(beta1).add_(g, alpha=1 - beta1)
        square.mul_(beta2).add_(g * g, alpha=1 - beta2)
        denominator = square.sqrt() / (1 - beta2**t).sqrt() + eps
        p.sub_(lr / (1 - beta1**t) * (mean / denominator))


def _fused_adamw_(*arguments: Any, **settings: Any) -> None:
    _fused_adam_(*arguments, decoupled=True, **settings)


def _fused_sgd_(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    buffers: Sequence[Tensor],
    *,
    weight_decay: float,
    momentum: float,
    lr: Any,
    is_first_step: bool,
    **others: Any,
) -> None:
    """SGD in its plain form, as torch's fused kernel computes it: b ← βb + g, θ ← θ − ηb, and b ← g in the first step."""
    _plain(others)
    for i, (p, given) in enumerate(zip(parameters, gradients, strict=True)):
        g = given + weight_decay * p if weight_decay else given
        if momentum:
            g = buffers[i].copy_(g) if is_first_step else buffers[i].mul_(momentum).add_(g)
        p.sub_(lr * g)


def _plain(settings: Mapping[str, Any]) -> None:
    for name in ("amsgrad", "maximize", "nesterov", "dampening", "grad_scale", "found_inf"):
        if settings.get(name):
            raise CannotRecord(f"an optimizer uses {name}, whose fused step is not written out")


def _each(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Return the loop over tensors that an operation on lists stands for; arguments that are no lists are the same for all."""

    def loop(first: Sequence[Tensor], *others: Any, **settings: Any) -> list[Any]:
        listed = lambda a: isinstance(a, (list, tuple)) and len(a) == len(first)  # noqa: E731
        if len(others) == 3:  # addcmul and addcdiv take the last one by name
            *others, settings["value"] = others  # type: ignore[assignment]
        rows = ([t, *(a[i] if listed(a) else a for a in others)] for i, t in enumerate(first))
        return [operation(*row, **{name: a[i] if listed(a) else a for name, a in settings.items()}) for i, row in enumerate(rows)]

    return loop


def _each_in_place(operation: Callable[..., Any]) -> Callable[..., None]:
    loop = _each(operation)
    return lambda *arguments, **settings: (loop(*arguments, **settings), None)[1]


@functools.cache
def _written_out() -> dict[Any, Callable[..., Any]]:
    """Return the operations on lists of tensors, by which optimizers step, as loops of operations on one."""
    table: dict[Any, Callable[..., Any]] = {}
    for name in torch._C._dispatch_get_all_op_names():
        packet, _, overload = name.removeprefix("aten::").partition(".")
        single = packet.removeprefix("_foreach_")
        operation = torch.linalg.vector_norm if single == "norm" else getattr(torch.Tensor, single, None)
        if name.startswith("aten::_foreach_") and operation is not None and not overload.endswith("out"):
            loop = _each_in_place(operation) if single.endswith("_") else _each(operation)
            table[getattr(getattr(_aten, packet), overload or "default")] = loop
    for kernel, steps in (("_fused_adam_", _fused_adam_), ("_fused_adamw_", _fused_adamw_), ("_fused_sgd_", _fused_sgd_)):
        for overload in ("default", "tensor_lr"):
            table[getattr(getattr(_aten, kernel), overload)] = steps
    return table
