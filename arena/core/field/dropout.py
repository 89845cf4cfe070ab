"""Dropout masks: one for each layer, call and turn, drawn from seeds that the arena owns.

All evaluations within a turn use the same masks, so that a look-ahead, a Jacobian product and a gradient are those of one function. A
member of a population has the masks of its single run.
"""

import contextlib
from collections.abc import Iterator, Sequence
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

_WHOLE = (nn.Dropout,)
_CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
LAYERS = (*_WHOLE, *_CHANNELS)
"""Layers whose masks are drawn here."""


class DropoutMasks:
    """The dropout masks of a game's players.

    Args:
        module: The game.
        members: Number of members, if the parameters have a leading member axis.

    Example:
        >>> layer = nn.Dropout(0.5)
        >>> masks = DropoutMasks(layer)
        >>> masks.seed([3])
        >>> with masks.applied():
        ...     first, again = layer(torch.ones(100)), layer(torch.ones(100))
        >>> with masks.applied():
        ...     bool((layer(torch.ones(100)) == first).all()), bool((first == again).all())
        (True, False)
    """

    def __init__(self, module: nn.Module, members: int | None = None):
        self.layers = [m for m in module.modules() if isinstance(m, LAYERS)]
        self.members = members
        self.member: Tensor | None = None
        self._seeds: list[int] = []
        self._of: Tensor | None = None
        self._drawn: dict[tuple[Any, ...], Tensor] = {}

    def seed(self, seeds: Sequence[int], of: Tensor | None = None) -> None:
        """Begin a turn with one seed; in a population with one for each distinct stream, and the index `of` each member's seed, (K,)."""
        self._seeds, self._of = list(seeds), of
        self._drawn = {}

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Let the layers use these masks within the block; each layer's calls are counted from 0."""
        for index, layer in enumerate(self.layers):
            layer.__dict__["forward"] = MethodType(_Dropping(self, index), layer)
        try:
            yield
        finally:
            for layer in self.layers:
                layer.__dict__.pop("forward", None)

    def mask(self, layer: int, call: int, rate: float, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return the mask of a layer's call, scaled by 1/(1 − rate); within vmap, that of the current member."""
        key = (layer, call, tuple(shape))
        if key not in self._drawn:
            each = [self._draw(seed, layer, call, rate, shape, like) for seed in self._seeds]
            self._drawn[key] = torch.stack(each) if self.members is not None else each[0]
        drawn = self._drawn[key]
        if self.members is None or self.member is None:
            return drawn
        return drawn[self._of[self.member] if self._of is not None else self.member]

    def _draw(self, seed: int, layer: int, call: int, rate: float, shape: Sequence[int], like: Tensor) -> Tensor:
        stream = torch.Generator(device=like.device).manual_seed(((seed * 1_000_003 + layer) * 1_000_003 + call) % (1 << 62))
        keep = torch.full(tuple(shape), 1 - rate, dtype=like.dtype, device=like.device)
        return torch.bernoulli(keep, generator=stream).div_(1 - rate) if rate < 1 else torch.zeros_like(keep)


class _Dropping:
    """The forward of one layer with masks."""

    def __init__(self, masks: DropoutMasks, index: int):
        self.masks, self.index, self.calls = masks, index, 0

    def __call__(self, layer: Any, x: Tensor) -> Tensor:
        if not layer.training or layer.p == 0:
            return x
        shape = x.shape if isinstance(layer, _WHOLE) else (*x.shape[:2], *(1,) * (x.dim() - 2))
        call, self.calls = self.calls, self.calls + 1
        return x * self.masks.mask(self.index, call, layer.p, shape, x)
