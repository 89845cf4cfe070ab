"""The field as one compiled function: losses and gradients of a set of movers, forwards and backwards in a single graph.

`torch.compile` takes the game's own code through `torch.func`, so that one call replaces the hundred small ones of an eager turn. It pays
where calls cost more than arithmetic: small nets, and populations of them. The first call of each set of movers compiles, in seconds to
half a minute; what it makes is kept in a folder on disk, from which later runs take it.

Whatever cannot be compiled is played as if nothing had been asked, and `why_not` says why.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import torch
from torch import Tensor
from torch.func import functional_call, vjp

from arena.directions import Direction
from arena.game import Batch, Game

if TYPE_CHECKING:
    from arena.members import Members


class Compiled:
    """Compiles a game's field.

    Args:
        game: whose field it is.
        members: what makes it a population.

    Attributes:
        why_not: why nothing is compiled; None while everything is.
    """

    def __init__(self, game: Game, members: "Members | None" = None):
        self.game, self.members = game, members
        self.why_not: str | None = None
        self._made: dict[tuple[Any, ...], Callable[..., tuple[dict[str, Tensor], Direction]]] = {}
        self._coupling: float | None = None
        self._changes = False
        keep_compiled()

    def __call__(
        self,
        keys: Mapping[str, Mapping[str, Tensor]],
        rest: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        batch: Batch,
        coupling: float | Tensor,
    ) -> tuple[dict[str, Tensor], Direction] | None:
        """Losses and gradients of the movers; None where they cannot be compiled.

        Args:
            keys: the movers' parameters by name, by key.
            rest: every other parameter.
            buffers: the buffers that have a member axis, in a population.
            batch: the batch.
            coupling: λ, or one for each member.
        """
        if self.why_not is not None:
            return None
        lam = self._stable(coupling, next(iter(next(iter(keys.values())).values())))
        axes = self.members.axes(batch) if self.members is not None else None
        kind = (*keys, isinstance(lam, Tensor), axes if axes is None else str(axes))
        made = self._made.get(kind)
        if made is None:
            made = self._made[kind] = torch.compile(self._function(tuple(keys), axes, lam), dynamic=False)
        try:
            with torch.no_grad():
                return made(keys, rest, buffers, batch, lam)
        except Exception as error:
            first = " ".join(str(error).split())[:160]
            self.why_not = f"{type(self.game).__name__} could not be compiled ({type(error).__name__}: {first}); it is played uncompiled"
            return None

    def _stable(self, coupling: float | Tensor, like: Tensor) -> float | Tensor:
        """A λ that has changed goes in as a tensor: as a number, every new value would be compiled anew."""
        if isinstance(coupling, Tensor):
            return coupling
        if self._coupling is None:
            self._coupling = coupling
        self._changes = self._changes or coupling != self._coupling
        return torch.tensor(coupling, dtype=like.dtype, device=like.device) if self._changes else coupling

    def _function(self, keys: tuple[str, ...], axes: Any, lam: float | Tensor) -> Callable[..., tuple[dict[str, Tensor], Direction]]:
        game = self.game

        def one(own: Any, rest: Any, buffers: Any, batch: Any, coupling: Any) -> Any:
            def losses(own: Any) -> tuple[Tensor, ...]:
                flat = {name: p for part in own.values() for name, p in part.items()}
                found = functional_call(game, {**rest, **flat, **buffers}, (batch, coupling, keys))
                return tuple(found[key] for key in keys)

            values, pull = vjp(losses, own)  # type: ignore[misc]  # it gives three things only where it is asked for aux
            direction = {}
            for i, key in enumerate(keys):
                weights = tuple(torch.ones_like(v) if i == j else torch.zeros_like(v) for j, v in enumerate(values))
                direction.update(pull(weights)[0][key])
            return dict(zip(keys, values, strict=True)), direction

        if self.members is None:
            return one
        lam_axis = 0 if isinstance(lam, Tensor) and lam.dim() else None
        return torch.vmap(one, in_dims=(0, 0, 0, axes, lam_axis))


def keep_compiled() -> Path:
    """The folder in which compiled code is kept; `TORCHINDUCTOR_CACHE_DIR` names another."""
    folder = os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(platformdirs.user_cache_dir("arena")) / "compiled"))
    return Path(folder)
