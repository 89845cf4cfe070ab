"""Building players, and what a player may define beyond `nn.Module`.

A player class may take arguments named `inputs` and `outputs`, the shapes of one example in its slot, and any further argument that the
slot provides. It may define `project_()`, called after each of its moves, and `on_batch()`, called when a batch is drawn. Either may
take that batch, which includes the game's random numbers, as its only argument.
"""

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

Shape = tuple[int, ...]


def build_player(
    source: nn.Module | Callable[..., nn.Module], inputs: Shape | None, outputs: Shape, extra: Mapping[str, Any] = MappingProxyType({})
) -> nn.Module:
    """Build a module for a slot: a module is returned as is, a class or function is called with the shapes it accepts.

    Args:
        source: A module, or a callable that returns one and accepts any of `inputs`, `outputs` and the names in `extra`.
        inputs: Shape of one input example; None if the role takes no input.
        outputs: Shape of one output example.
        extra: Further arguments that the slot provides, by name.

    Example:
        >>> from arena.players import MLP
        >>> build_player(MLP, (2,), (1,))(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
        >>> build_player(lambda: nn.Linear(2, 1), (2,), (1,))
        Linear(in_features=2, out_features=1, bias=True)
    """
    if isinstance(source, nn.Module):
        return source
    accepted = inspect.signature(source).parameters
    arguments: dict[str, Any] = {"inputs": inputs, "outputs": outputs, **extra}
    return source(**{name: value for name, value in arguments.items() if name in accepted})


def hooks(player: nn.Module, name: str) -> list[Callable[[Any], None]]:
    """Return the hooks named `name` (`project_` or `on_batch`) of a player and its submodules, each callable with the batch."""
    methods = [getattr(module, name, None) for module in player.modules()]
    return [_with_batch(method) for method in methods if callable(method)]


def _with_batch(method: Callable[..., None]) -> Callable[[Any], None]:
    """Return the method with the batch as its argument, ignored if the method takes none."""
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):  # compiled code may have no signature
        parameters = []
    takes_batch = any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    return method if takes_batch else lambda batch: method()


@contextlib.contextmanager
def evaluating(*players: object) -> Iterator[None]:
    """Put the modules among `players` into evaluation mode, and restore every training flag at the end.

    Example:
        >>> layer = nn.Dropout()
        >>> with evaluating(layer):
        ...     layer.training
        False
        >>> layer.training
        True
    """
    flags = {module: module.training for player in players if isinstance(player, nn.Module) for module in player.modules()}
    try:
        for module in flags:
            module.training = False
        yield
    finally:
        for module, flag in flags.items():
            module.training = flag


def size(shape: Shape) -> int:
    """Return the number of elements of a shape.

    Example:
        >>> size((1, 28, 28)), size(())
        (784, 1)
    """
    return math.prod(shape)


def precision_of(module: nn.Module) -> torch.dtype:
    """Return the dtype of a module's parameters, in which its data and constants are computed; the default dtype without parameters.

    Example:
        >>> precision_of(nn.Linear(2, 1).double())
        torch.float64
    """
    return next((p.dtype for p in module.parameters()), torch.get_default_dtype())


def image_shape(name: str, shape: Shape) -> Shape:
    """Return a shape, checked to be (channels, height, width); raise ValueError for any other.

    Example:
        >>> image_shape("inputs", (3, 32, 32))
        (3, 32, 32)
    """
    if len(shape) != 3:
        raise ValueError(f"{name} is {shape}, but a convolutional player needs an image: (channels, height, width)")
    return shape


def mixes_examples(module: nn.Module, inputs: Shape) -> bool:
    """Return whether a module's output for one example depends on the rest of the batch, as with batch normalisation.

    Measured in training mode by comparing one batch of examples of the shape `inputs` with its two halves; dropout counts as mixing.
    Buffers, training flags and random state are restored.

    Example:
        >>> mixes_examples(nn.Linear(2, 1), (2,)), mixes_examples(nn.BatchNorm1d(2), (2,))
        (False, True)
    """
    like = next(module.parameters(), torch.empty(()))
    buffers, flags = [b.clone() for b in module.buffers()], {part: part.training for part in module.modules()}
    module.train()
    with torch.no_grad(), torch.random.fork_rng(devices=[like.device] if like.is_cuda else []):
        examples = torch.randn(8, *inputs, generator=torch.Generator().manual_seed(0)).to(like)
        whole, halves = module(examples), torch.cat([module(half) for half in examples.chunk(2)])
        for buffer, before in zip(module.buffers(), buffers, strict=True):
            buffer.copy_(before)
    for part, flag in flags.items():
        part.training = flag
    return not torch.allclose(whole, halves, rtol=1e-4, atol=1e-5)
