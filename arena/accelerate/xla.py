"""Recorded turns as one program of XLA that plays many of them without Python in between.

A recorded turn (`arena.accelerate.recorded_turn`) is a function (s, x) → (s′, y) of the state s and of what the turn is given, x. Then

    for i in 0 … n − 1:    s, yᵢ = turn of kind kᵢ (s, xᵢ)

is one loop on the device, with n and the kinds as inputs, so that blocks of any length are the same program. JAX compiles the loop, and
torchax gives each operation of torch in those of JAX. Both are the optional extra `xla`, imported late.

https://docs.jax.dev/en/latest/_autosummary/jax.lax.fori_loop.html, https://google.github.io/torchax/

Shapes: B = longest block.
"""

import functools
import importlib
import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter

EXTRA = "pip install 'two-player-arena[xla]'"


class CannotLower(Exception):
    """An operation has no counterpart in XLA."""


@functools.cache
def why_missing() -> str | None:
    """Return why XLA cannot be used, as a sentence with the command that helps; None if it can."""
    try:
        _libraries()
    except Exception as error:  # whatever an import of another version raises
        missing = error.name if isinstance(error, ModuleNotFoundError) and error.name in ("jax", "torchax", "jaxlib") else None
        why = f"{missing} is not installed" if missing else f"jax or torchax does not fit torch {torch.__version__}: {error}"
        return f"compile xla needs the extra xla ({why}); the run plays without it. Fix: {EXTRA}"
    return None


@functools.cache
def _libraries() -> tuple[Any, Any]:
    """Return JAX, and torchax's operations by those of torch."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    fast_path = torch.backends.mha.get_fastpath_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("jax._src.xla_bridge").setLevel(logging.ERROR)
        jax = importlib.import_module("jax")
        if not torch.cuda.is_available():
            with_cpu = jax.config.jax_platforms or "cpu"
            jax.config.update("jax_platforms", with_cpu)
        if not jax.config.jax_compilation_cache_dir:  # which JAX_COMPILATION_CACHE_DIR sets; JAX warns of a folder that it cannot use
            jax.config.update("jax_compilation_cache_dir", str(Path(platformdirs.user_cache_dir("arena")) / "xla"))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
        importlib.import_module("torchax")
        for name in ("jaten", "jtorch"):
            importlib.import_module(f"torchax.ops.{name}")
        operations = importlib.import_module("torchax.ops.ops_registry").all_aten_ops
    torch.backends.mha.set_fastpath_enabled(fast_path)  # torchax turns it off for the whole process
    vars(torch.get_device_module("jax"))["is_available"] = lambda: (
        False
    )  # else torch.compile asks torchax's device for its stream, and fails
    return jax, operations


class Program:
    """A loop over recorded turns.

    The state crosses the border between torch and JAX as one flat tensor of each dtype, because a tensor costs ten microseconds there.

    Args:
        turns: One graph for each kind of turn; each takes the state, the tensors of the batches, and every number and mask of one turn, and
            returns the state and the results. All have the same numbers of them, of the same shapes.
        state: The state of an example.
        length: B, the longest block.
        one_thread: Compute in one thread.
    """

    def __init__(self, turns: Sequence[GraphModule], state: Sequence[Tensor], length: int, *, one_thread: bool):
        self.turns, self.length, self.one_thread = list(turns), length, one_thread
        jax, _ = _libraries()
        self._dtypes, self._shapes = [t.dtype for t in state], [t.shape for t in state]
        with jax.enable_x64(True):
            self._constants = jax.device_put([{name: _shared(t) for name, t in _constants(turn)} for turn in self.turns])
        options = {"xla_cpu_multi_thread_eigen": False} if one_thread else {}
        self._play = jax.jit(self._loop, compiler_options=options)

    def __call__(
        self, state: Sequence[Tensor], kinds: Sequence[int], batches: Sequence[Tensor], numbers: Tensor, masks: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Play turns.

        Args:
            state: The state before them.
            kinds: Kind of each of the n turns, at most B.
            batches: Their batches, each with a leading axis of turns.
            numbers: Their numbers, (n, numbers, …).
            masks: Their masks, (n, masks, …).

        Returns:
            The state after them, and the results with a leading axis of B turns, of which the first n are meant.
        """
        jax, _ = _libraries()
        count = len(kinds)
        which = np.zeros(self.length, dtype=np.int32)
        which[:count] = kinds
        flat = [torch.cat([t.detach().reshape(-1) for t in state if t.dtype == dtype]) for dtype in dict.fromkeys(self._dtypes)]
        padded = [_padded(tensor, self.length) for tensor in (*batches, numbers, masks)]
        with jax.enable_x64(True):
            after, results = self._play([*map(_shared, flat)], np.int32(count), which, [*map(_shared, padded)], self._constants)
            return self._apart([torch.from_dlpack(a) for a in after]), [torch.from_dlpack(r) for r in results]  # which waits for them

    def _apart(self, flat: Sequence[Any]) -> list[Any]:
        """Return the state as it was before it was made flat; of torch's tensors or JAX's arrays."""
        places = dict.fromkeys(self._dtypes, 0)
        parts = []
        of_dtype = dict(zip(places, flat, strict=True))
        for dtype, shape in zip(self._dtypes, self._shapes, strict=True):
            end = places[dtype] + shape.numel()
            parts.append(of_dtype[dtype][places[dtype] : end].reshape(tuple(shape)))
            places[dtype] = end
        return parts

    def _loop(self, flat: Any, count: Any, kinds: Any, inputs: Any, constants: Any) -> Any:
        jax, _ = _libraries()
        branches = [functools.partial(self._turn, turn, own) for turn, own in zip(self.turns, constants, strict=True)]

        def one(i: Any) -> list[Any]:
            *batches, numbers, masks = (jax.lax.dynamic_index_in_dim(x, i, keepdims=False) for x in inputs)
            return [*batches, *numbers, *masks]

        state = self._apart(flat)
        shapes = jax.eval_shape(branches[0], state, one(0))[1]
        results = [jax.numpy.zeros((self.length, *s.shape), s.dtype) for s in shapes]

        def played(kind: int, carry: Any) -> Any:
            """Play turns as long as they are of one kind; XLA copies less in and out of a loop than of a branch."""

            def body(carry: Any) -> Any:
                i, state, results = carry
                after, found = branches[kind](state, one(i))
                return i + 1, after, [jax.lax.dynamic_update_index_in_dim(r, f, i, 0) for r, f in zip(results, found, strict=True)]

            return jax.lax.while_loop(lambda carry: (carry[0] < count) & (kinds[carry[0]] == kind), body, carry)

        def every(carry: Any) -> Any:
            return functools.reduce(lambda carry, kind: played(kind, carry), range(len(branches)), carry)

        start = (jax.numpy.zeros_like(count), state, results)
        _, after, results = played(0, start) if len(branches) == 1 else jax.lax.while_loop(lambda carry: carry[0] < count, every, start)
        of_dtype: dict[Any, list[Any]] = {dtype: [] for dtype in self._dtypes}
        for dtype, array in zip(self._dtypes, after, strict=True):
            of_dtype[dtype].append(array.reshape(-1))
        return [jax.numpy.concatenate(arrays) for arrays in of_dtype.values()], results

    def _turn(self, turn: GraphModule, constants: Any, state: Any, given: Any) -> Any:
        outputs = _Lowered(turn, constants).run(*state, *given)
        after = [new.astype(old.dtype) for new, old in zip(outputs[: len(state)], state, strict=True)]
        return after, list(outputs[len(state) :])


class _Lowered(Interpreter):
    """Runs a graph with JAX's arrays."""

    def __init__(self, graph: GraphModule, constants: Any):
        super().__init__(graph, garbage_collect_values=False)
        self.constants = constants

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        return self.constants[target]

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if not isinstance(target, torch._ops.OpOverload):
            return super().call_function(target, args, kwargs)
        _, operations = _libraries()
        own = _overrides().get(target) or _overrides().get(target.overloadpacket)
        if own is not None:
            return own(*args, **kwargs)
        found = operations.get(target) or operations.get(target.overloadpacket)
        if found is None or not found.is_jax_function or found.needs_env:
            raise CannotLower(f"torchax has no counterpart in JAX of the operation {target}")
        return found.func(*args, **kwargs)


@functools.cache
def _overrides() -> dict[Any, Any]:
    """Return operations that torchax lacks, or that its form makes wrong or slow here."""
    jax, operations = _libraries()
    jnp, aten = jax.numpy, torch.ops.aten
    mappings = importlib.import_module("torchax.ops.mappings")
    same = lambda x, *_, **__: x  # noqa: E731
    dtype_of = lambda dtype, x: x.dtype if dtype is None else mappings.t2j_dtype(dtype)  # noqa: E731

    def addmm(bias: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
        product = a @ b if alpha == 1 else alpha * (a @ b)
        return product + (bias if beta == 1 else beta * bias)

    def convolution_backward(g: Any, x: Any, w: Any, bias: Any, *settings: Any) -> Any:
        forward = lambda x, w: operations[aten.convolution].func(x, w, None, *settings[:-1])  # noqa: E731
        by_input, by_weight = jax.vjp(forward, x, w)[1](g)
        return by_input, by_weight, None if bias is None else g.sum((0, *range(2, g.ndim)))

    return {
        aten.convolution_backward: convolution_backward,
        aten.alias: same,
        aten.detach: same,
        aten.detach_copy: same,
        aten.clone: same,
        aten.contiguous: same,
        aten.addmm: addmm,
        aten.baddbmm: addmm,
        aten.dot: lambda a, b: (a * b).sum(),
        aten.mv: lambda a, b: (a * b).sum(-1),
        aten._to_copy: lambda x, dtype=None, **_: jnp.asarray(x, dtype_of(dtype, jnp.asarray(x))),
        aten.full_like: lambda x, value, dtype=None, **_: jnp.full(x.shape, value, dtype_of(dtype, x)),
        aten.zeros_like: lambda x, dtype=None, **_: jnp.zeros(x.shape, dtype_of(dtype, x)),
        aten.ones_like: lambda x, dtype=None, **_: jnp.ones(x.shape, dtype_of(dtype, x)),
        aten.empty_like: lambda x, dtype=None, **_: jnp.zeros(x.shape, dtype_of(dtype, x)),
        aten.scalar_tensor: lambda value, dtype=torch.float32, **_: jnp.asarray(value, mappings.t2j_dtype(dtype)),
        aten.full: lambda size, value, dtype=torch.float32, **_: jnp.full(size, value, mappings.t2j_dtype(dtype)),
        aten.empty_permuted: lambda size, order, dtype=torch.float32, **_: jnp.zeros(size, mappings.t2j_dtype(dtype)),
        aten.empty.memory_format: lambda size, dtype=torch.float32, **_: jnp.zeros(size, mappings.t2j_dtype(dtype)),
    }


def _constants(graph: GraphModule) -> list[tuple[str, Tensor]]:
    names = dict.fromkeys(str(node.target) for node in graph.graph.nodes if node.op == "get_attr")
    return [(name, getattr(graph, name).detach()) for name in names]


def _padded(tensor: Tensor, length: int) -> Tensor:
    if len(tensor) == length:
        return tensor
    padded = tensor.new_empty((length, *tensor.shape[1:]))
    padded[: len(tensor)] = tensor
    return padded


def _shared(tensor: Tensor) -> Any:
    """Return a tensor's numbers as JAX takes them, without a copy."""
    tensor = tensor.detach()
    return tensor.numpy() if tensor.device.type == "cpu" else _libraries()[0].dlpack.from_dlpack(tensor.contiguous())
