"""What the arena asks of a player: to be an `nn.Module`. Everything here is a convenience on top of that.

A player class may name its first arguments `inputs` and `outputs`: the shapes of one example in its slot; and arguments that its slot
tells besides. It may have `project_()`, called after each of its moves, and `on_batch()`, called when a batch is drawn; either may
take that batch as its one argument, with the random numbers that the game drew into it. Nothing else is asked.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

Shape = tuple[int, ...]


def build_player(
    source: nn.Module | Callable[..., nn.Module], inputs: Shape | None, outputs: Shape, told: Mapping[str, Any] = MappingProxyType({})
) -> nn.Module:
    """A module from a slot's shapes: a module is taken as it is, a class or function is called.

    Args:
        source: a module, or a callable that returns one; it is given those of `inputs` and `outputs` that it has arguments for.
        inputs: shape of one input example, None where the role takes no input.
        outputs: shape of one output example.
        told: what else the slot tells, by the name of the argument.

    Example:
        >>> from arena.players import MLP
        >>> build_player(MLP, (2,), (1,))(__import__("torch").zeros(5, 2)).shape
        torch.Size([5, 1])
        >>> build_player(lambda: nn.Linear(2, 1), (2,), (1,))
        Linear(in_features=2, out_features=1, bias=True)
    """
    if isinstance(source, nn.Module):
        return source
    names = inspect.signature(source).parameters
    given: dict[str, Any] = {"inputs": inputs, "outputs": outputs, **told}
    return source(**{name: value for name, value in given.items() if name in names})


def hooks(player: nn.Module, name: str) -> list[Callable[[Any], None]]:
    """The methods of that name (`project_` or `on_batch`) of a player and of the modules in it, each called with the batch.

    Example:
        >>> hooks(nn.Linear(1, 1), "project_")
        []
    """
    found = [getattr(module, name, None) for module in player.modules()]
    return [_of_batch(method) for method in found if callable(method)]


def _of_batch(method: Callable[..., None]) -> Callable[[Any], None]:
    """A method that takes the batch, or ignores it where it asks for nothing."""
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):  # compiled code may not say what it takes
        parameters = []
    asks = any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    return method if asks else lambda batch: method()


def size(shape: Shape) -> int:
    """Number of elements of a shape.

    Example:
        >>> size((1, 28, 28)), size(())
        (784, 1)
    """
    return math.prod(shape)


def image_shape(name: str, shape: Shape) -> Shape:
    """The same shape, if it is an image's.

    Raises:
        ValueError: where it has not channels, height and width.

    Example:
        >>> image_shape("inputs", (3, 32, 32))
        (3, 32, 32)
    """
    if len(shape) != 3:
        raise ValueError(f"{name} is {shape}, but a convolutional player is for images: channels, height, width")
    return shape


def mixes_examples(module: nn.Module, inputs: Shape) -> bool:
    """Whether what a module gives for one example may depend on the others of its batch, as batch normalisation makes it.

    Found by trying, in training mode: the same examples in one batch and in two. Dropout counts as mixing. Leaves no footprints.

    Args:
        module: from a batch of examples to a batch of results.
        inputs: shape of one example.

    Example:
        >>> mixes_examples(nn.Linear(2, 1), (2,)), mixes_examples(nn.BatchNorm1d(2), (2,))
        (False, True)
    """
    like = next(module.parameters(), torch.empty(()))
    buffers = [b.clone() for b in module.buffers()]
    with torch.no_grad(), torch.random.fork_rng(devices=[like.device] if like.is_cuda else []):
        examples = torch.randn(8, *inputs, generator=torch.Generator().manual_seed(0)).to(like)
        whole, halves = module(examples), torch.cat([module(half) for half in examples.chunk(2)])
        for buffer, before in zip(module.buffers(), buffers, strict=True):
            buffer.copy_(before)
    return not torch.allclose(whole, halves, rtol=1e-4, atol=1e-5)
