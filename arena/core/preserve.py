"""Looking leaves no footprints: whatever happens inside, the game is afterwards what it was before."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


@contextlib.contextmanager
def preserve_state(module: nn.Module, *, evaluation: bool = False) -> Iterator[None]:
    """Restore parameters, buffers, training flags and torch's global random streams exactly; no gradient is recorded inside.

    Args:
        module: what is looked at.
        evaluation: put it into evaluation mode meanwhile.

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
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            if evaluation:
                module.eval()
            yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)
        for m, flag in flags.items():
            m.training = flag
