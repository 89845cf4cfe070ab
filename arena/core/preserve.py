"""Measure without footprints: the state of a module is restored exactly at the end of a block."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from arena.core.rng import global_streams

_FLAG = "_training_before_rest"


@contextlib.contextmanager
def preserve_state(module: nn.Module, *, evaluation: bool = False, seed: int | None = None) -> Iterator[None]:
    """Restore parameters, buffers, training flags and torch's global random streams exactly; no gradient is recorded inside.

    With `evaluation`, the module is in evaluation mode inside. With a seed, the global random streams start from it, so that what the
    module draws there (a dropout mask) depends on nothing else.

    Example:
        >>> layer = nn.BatchNorm1d(2)
        >>> with preserve_state(layer):
        ...     _ = layer(torch.randn(8, 2))
        >>> layer.running_mean, layer.training
        (tensor([0., 0.]), True)
    """
    tensors = [*module.parameters(), *module.buffers()]
    before = [t.detach().clone() for t in tensors]
    flags = {m: m.training for m in module.modules()}
    devices = {t.device for t in tensors if t.device.type == "cuda"}
    try:
        with torch.no_grad(), global_streams(devices, seed):
            if evaluation:
                module.eval()
            yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)
        for m, flag in flags.items():
            m.training = flag


def identical(a: Tensor, b: Tensor) -> bool:
    """Return whether two tensors have the same shape and the same values; NaN equals NaN.

    Example:
        >>> identical(torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")]))
        True
    """
    return a.shape == b.shape and bool(torch.isclose(a, b, rtol=0, atol=0, equal_nan=True).all())


def rest(module: nn.Module) -> None:
    """Put a module into evaluation mode until `wake`.

    Example:
        >>> layer = nn.BatchNorm1d(2)
        >>> rest(layer)
        >>> at_rest = layer.training
        >>> wake(layer)
        >>> at_rest, layer.training
        (False, True)
    """
    for part in module.modules():
        part.__dict__.setdefault(_FLAG, part.training)
        part.training = False


def wake(module: nn.Module) -> None:
    """Restore the training flags from before `rest`; a module that is not at rest stays as it is."""
    for part in module.modules():
        part.training = part.__dict__.pop(_FLAG, part.training)
