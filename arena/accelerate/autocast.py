"""How numbers are multiplied: bfloat16 within a game's losses, and TF32 within float32 products, each only where it is asked for.

Parameters, gradients and optimizers keep the precision of the run; both options only concern what happens between them. Which operations
autocast takes to bfloat16 depends on the device: a game that wants its last steps in float32 everywhere writes `logits.float()`.
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
    """Let a game compute its losses under `torch.autocast`, or as they are written; the losses themselves come out in float32.

    Args:
        game: whose losses.
        device: where it is played.
        autocast: none, or bfloat16.
    """
    for name in ("losses", "joint_loss", "joint_losses"):
        if getattr(game.__dict__.get(name), "__qualname__", None) == _OURS:
            del game.__dict__[name]
        if autocast != "none":  # bound to the game, so that a copy of the game computes its own losses
            game.__dict__[name] = MethodType(_cast(name, device.type, getattr(torch, autocast)), game)


def _cast(name: str, device: str, dtype: torch.dtype) -> Callable[..., Any]:
    """A game's method of that name, under autocast."""

    def cast(game: Game, batch: Batch, coupling: float | Tensor, *movers: Sequence[str]) -> Any:
        with torch.autocast(device, dtype):
            found = getattr(type(game), name)(game, batch, coupling, *movers)
        return tree_map(lambda loss: loss.float() if isinstance(loss, Tensor) else loss, found)

    cast.__qualname__ = _OURS
    return cast


@contextlib.contextmanager
def multiplications(tf32: bool) -> Iterator[None]:
    """While inside, float32 products and convolutions on a GPU use TF32, or the whole of float32; torch alone mixes the two.

    Args:
        tf32: use TensorFloat-32, whose factors have 10 bits after the point in the place of 23.

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
