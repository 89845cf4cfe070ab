"""What the arena asks of a player: to be an `nn.Module`. Everything here is a convenience on top of that.

A player class may name its first arguments `inputs` and `outputs`: the shapes of one example in its slot. It may have `project_()`,
called after each of its moves, and `on_batch()`, called when a batch is drawn. Nothing else is asked.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

from torch import nn

Shape = tuple[int, ...]


def build_player(source: nn.Module | Callable[..., nn.Module], inputs: Shape | None, outputs: Shape) -> nn.Module:
    """A module from a slot's shapes: a module is taken as it is, a class or function is called.

    Args:
        source: a module, or a callable that returns one; it is given those of `inputs` and `outputs` that it has arguments for.
        inputs: shape of one input example, None where the role takes no input.
        outputs: shape of one output example.

    Example:
        >>> from players import MLP
        >>> build_player(MLP, (2,), (1,))(__import__("torch").zeros(5, 2)).shape
        torch.Size([5, 1])
        >>> build_player(lambda: nn.Linear(2, 1), (2,), (1,))
        Linear(in_features=2, out_features=1, bias=True)
    """
    if isinstance(source, nn.Module):
        return source
    names = inspect.signature(source).parameters
    shapes: dict[str, Any] = {"inputs": inputs, "outputs": outputs}
    return source(**{name: shape for name, shape in shapes.items() if name in names})


def size(shape: Shape) -> int:
    """Number of elements of a shape.

    Example:
        >>> size((1, 28, 28)), size(())
        (784, 1)
    """
    return math.prod(shape)
