"""Precision of products: bfloat16 within a game's losses, and TF32 within float32 products, each on request.

Parameters, gradients and optimizers keep the precision of the run. The operations that autocast runs in bfloat16 depend on the device: a
game whose last steps must be float32 everywhere writes `logits.float()`.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from types import MethodType
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from arena.core.game import Batch, Game

Autocast = Literal["none", "bfloat16"]

_OURS = "cast_losses"


def cast_losses(game: Game, device: torch.device, autocast: Autocast) -> None:
    """Let a game compute its losses under `torch.autocast`, or with `none` as they are written; the losses themselves are float32."""
    for name in ("losses", "joint_loss", "joint_losses"):
        if getattr(game.__dict__.get(name), "__qualname__", None) == _OURS:
            del game.__dict__[name]
        if autocast != "none":  # bound to the game, so that a copy of the game computes its own losses
            game.__dict__[name] = MethodType(_cast(name, device.type, getattr(torch, autocast)), game)


def _cast(name: str, device: str, dtype: torch.dtype) -> Callable[..., Any]:
    """Return a game's method of that name, under autocast."""

    def cast(game: Game, batch: Batch, coupling: float | Tensor, *movers: Sequence[str]) -> Any:
        with torch.autocast(device, dtype):
            losses = getattr(type(game), name)(game, batch, coupling, *movers)
        return tree_map(lambda loss: loss.float() if isinstance(loss, Tensor) else loss, losses)

    cast.__qualname__ = _OURS
    return cast


@contextlib.contextmanager
def multiplications(tf32: bool) -> Iterator[None]:
    """Compute float32 products and convolutions on a GPU within the block in TF32, or all in full float32; torch's default mixes the two.

    The factors of TF32 have 10 bits after the point instead of 23.

    Example:
        >>> with multiplications(tf32=True):
        ...     torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision
        ('tf32', 'tf32')
    """
    places: list[Any] = [torch.backends.cuda.matmul, torch.backends.cudnn.conv, torch.backends.cudnn.rnn]  # type: ignore[attr-defined]
    before = [place.fp32_precision for place in places]
    try:
        for place in places:
            place.fp32_precision = "tf32" if tf32 else "ieee"
        yield
    finally:
        for place, precision in zip(places, before, strict=True):
            place.fp32_precision = precision
