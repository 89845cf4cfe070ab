"""Slots: the shapes of a role, and the player that fills them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from arena.core.memory import out_of_memory, short_of_memory
from arena.core.rng import global_streams
from arena.errors import ArenaError, SlotMismatch, first_line
from arena.players.base import Shape, build_player, evaluating

PlayerSource = nn.Module | Callable[..., nn.Module]
"""A module that fills a slot, or a callable that builds one from the slot's shapes (a class, or a `functools.partial` of one)."""


@dataclass(frozen=True)
class Slot:
    """Input and output shapes of a role, and the player that fills it.

    Args:
        inputs: Shape of one input example without the batch axis; None if the player takes no input.
        outputs: Shape of one output example without the batch axis (of the whole output if there is no input).
        player: A module, or a callable that builds one.
        arguments: Further arguments for the callable by name. They are set by the game and are no settings.

    Example:
        >>> Slot((2,), (1,), nn.Linear(2, 1)).fill("discriminator")
        Linear(in_features=2, out_features=1, bias=True)
        >>> Slot((2,), (1,), nn.Linear(2, 3)).fill("discriminator")
        Traceback (most recent call last):
        ...
        arena.errors.SlotMismatch: discriminator: the role takes (N, 2) and must give (N, 1), but Linear gave (N, 3); \
change the module's last layer
    """

    inputs: Shape | None
    outputs: Shape
    player: PlayerSource
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def fill(self, role: str) -> nn.Module:
        """Return the player, built if necessary and tried on an example; raise SlotMismatch if it fails or gives another shape."""
        try:
            module = build_player(self.player, self.inputs, self.outputs, self.arguments)
        except ArenaError:
            raise
        except (TypeError, ValueError, RuntimeError, MemoryError) as error:
            if out_of_memory(error):
                sizes = [f"{role}.{name}" for name, value in getattr(self.player, "keywords", {}).items() if _is_size(value)]
                lower = f"lower {' or '.join(sizes)}" if sizes else "take a smaller player"
                raise short_of_memory(error, f"{role}: memory does not hold {_name(self.player)}", lower) from error
            raise SlotMismatch(
                f"{role}: {_name(self.player)} could not be built: {first_line(error)}; the role has inputs {self.inputs} and outputs "
                f"{self.outputs}, and the player's other arguments must suit it"
            ) from error
        if not isinstance(module, nn.Module):
            raise SlotMismatch(f"{role}: a player must be an nn.Module, but {_name(self.player)} gave a {type(module).__name__}")
        self._try(role, module)
        return module

    def _try(self, role: str, module: nn.Module) -> None:
        like = next(module.parameters(), torch.empty(()))
        takes = "no input" if self.inputs is None else _shape(self.inputs, batched=True)
        wants = _shape(self.outputs, batched=self.inputs is not None)
        need = f"{role}: the role takes {takes} and must give {wants}, but {type(module).__name__}"
        example = [] if self.inputs is None else [torch.zeros(2, *self.inputs, dtype=like.dtype, device=like.device)]
        try:
            # In evaluation mode, so that normalisation layers keep their statistics.
            with torch.no_grad(), global_streams(), evaluating(module):
                output = module(*example)
        except Exception as error:
            raise SlotMismatch(f"{need} failed on it ({first_line(error)}); give a module that takes that shape") from error
        if not isinstance(output, Tensor):
            raise SlotMismatch(f"{need} gave a {type(output).__name__}; return one tensor")
        expected = self.outputs if self.inputs is None else (2, *self.outputs)
        if tuple(output.shape) != tuple(expected):
            batched = self.inputs is not None and output.dim() > 0 and output.shape[0] == 2
            gave = _shape(tuple(output.shape[1:]), batched=True) if batched else str(tuple(output.shape))
            raise SlotMismatch(f"{need} gave {gave}; change the module's last layer")


def _shape(shape: Shape, *, batched: bool) -> str:
    inside = ", ".join(map(str, shape))
    if batched:
        return f"(N, {inside})" if shape else "(N,)"
    return str(tuple(shape))


def _is_size(value: object) -> bool:
    """Return whether a value is a whole number, or several."""
    numbers = value if isinstance(value, (tuple, list)) and value else [value]
    return all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)


def _name(source: object) -> str:
    inner = getattr(source, "func", source)  # a functools.partial
    return getattr(inner, "__name__", type(inner).__name__)
