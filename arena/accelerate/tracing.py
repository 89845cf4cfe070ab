"""Compiled functions of a flat list of tensors, traced once and then called without guards.

`torch.compile` guards compiled code: each call checks the modules that the code was taken from, which on small nets takes longer than their
arithmetic. Here the caller decides, by a key of its own, when a function is traced anew, and the traced graph goes to the compiler
directly.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import platformdirs
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from arena.accelerate.small_matmul import WRITTEN_OUT


def compile_graph(function: Callable[..., Any], inputs: Sequence[Tensor]) -> Callable[..., Any]:
    """Return a function compiled for tensors of the shapes and layouts of `inputs`.

    The function returns a list of tensors. It may change its inputs in place; tracing does not change the examples.

    Example:
        >>> import torch
        >>> double = compile_graph(lambda x: [x.mul_(2).sum()], [torch.ones(3)])
        >>> x = torch.ones(3)
        >>> double(x)[0].item(), x.tolist()
        (6.0, [2.0, 2.0, 2.0])
    """
    from torch._inductor import compile as inductor_compile  # imported late, because the import takes a second

    keep_compiled()
    traced = make_fx(function, decomposition_table=WRITTEN_OUT, tracing_mode="fake")(*inputs)
    return inductor_compile(traced, list(inputs))


def keep_compiled() -> Path:
    """Return the folder of compiled code, which `TORCHINDUCTOR_CACHE_DIR` can change."""
    folder = os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(platformdirs.user_cache_dir("arena")) / "compiled"))
    return Path(folder)
