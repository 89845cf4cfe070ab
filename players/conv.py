"""Convolutional players for images whose sides halve evenly, such as 28 and 32 pixels, of any number of channels.

The generator turns a code into the smallest image and doubles its sides until they are those asked for; the discriminator halves them and
ends in one linear layer. With the default widths, for a code of 128 and 28 × 28 pixels:

    generator        128 → 128 × 7 × 7 → 64 × 14 × 14 → C × 28 × 28
    discriminator    C × 28 × 28 → 64 × 14 × 14 → 128 × 7 × 7 → 256 × 3 × 3 → 1

Kernels are 4 × 4 at stride 2 as in A. Radford, L. Metz and S. Chintala, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", arXiv:1511.06434; there is no batch normalisation, so that what a player gives for an example does
not depend on the others of its batch.

Shapes: N = batch, Z = code, C, H, W = channels, height, width.
"""

import itertools
from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu, linear

from arena.players.base import Shape, image_shape, size
from arena.players.mlp import ACTIVATIONS
from arena.players.spectral_norm import SpectralNorm

KERNEL, STRIDE, PADDING = 4, 2, 1


class ConvGenerator(nn.Module):
    """From a code to an image, by transposed convolutions that each double its sides; ReLU between them.

    Args:
        inputs: shape of one code.
        outputs: shape of one image, (C, H, W).
        widths: channels from the smallest image on; each entry doubles the sides once, so H and W are multiples of 2 to that many.
        final: after the last layer: tanh for pixels in [−1, 1], sigmoid for [0, 1], none.

    Raises:
        ValueError: for no width, a width below 1, or an image that does not halve evenly.

    Example:
        >>> import torch
        >>> ConvGenerator((128,), (3, 32, 32))(torch.zeros(5, 128)).shape
        torch.Size([5, 3, 32, 32])
        >>> sum(p.numel() for p in ConvGenerator((128,), (1, 28, 28)).parameters())
        941249
    """

    def __init__(
        self,
        inputs: Shape,
        outputs: Shape,
        widths: tuple[int, ...] = (128, 64),
        final: Literal["none", "sigmoid", "tanh"] = "tanh",
    ):
        super().__init__()
        channels, height, width = image_shape("outputs", outputs)
        _check_widths(widths)
        times = 2 ** len(widths)
        if height % times or width % times:
            raise ValueError(
                f"an image of {height}×{width} pixels does not halve {len(widths)} times, as {len(widths)} widths need; "
                f"take fewer widths, or sides that are multiples of {times}"
            )
        self.smallest = (height // times, width // times, widths[0])
        self.start = nn.Linear(size(inputs), size(self.smallest))
        self.layers = nn.ModuleList(nn.ConvTranspose2d(a, b, KERNEL, STRIDE, PADDING) for a, b in itertools.pairwise((*widths, channels)))
        self._final = ACTIVATIONS[final]

    def forward(self, z_NZ: Tensor) -> Tensor:
        # Channels are the last axis of the linear layer's result, so that the first image is laid out channels last without a copy.
        x_NCHW = self.start(z_NZ.flatten(1)).unflatten(1, self.smallest).permute(0, 3, 1, 2)
        for layer in self.layers:
            x_NCHW = layer(x_NCHW.relu())
        return self._final(x_NCHW)


class ConvDiscriminator(nn.Module):
    """From an image to a few numbers, by convolutions that each halve its sides, leaky ReLU of slope 0.2, and one linear layer.

    Args:
        inputs: shape of one image, (C, H, W).
        outputs: shape of one result.
        widths: channels after each convolution.
        spectral_norm: divide each layer's weight by its largest singular value; see `arena.players.spectral_norm`.

    Raises:
        ValueError: for no width, a width below 1, or an image that has no pixel left.

    Example:
        >>> import torch
        >>> ConvDiscriminator((1, 28, 28), (1,))(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 1])
        >>> sum(p.numel() for p in ConvDiscriminator((1, 28, 28), (1,)).parameters())
        659137
    """

    def __init__(self, inputs: Shape, outputs: Shape, widths: tuple[int, ...] = (64, 128, 256), spectral_norm: bool = False):
        super().__init__()
        channels, height, width = image_shape("inputs", inputs)
        _check_widths(widths)
        left = (height >> len(widths), width >> len(widths))  # a side of 2n or 2n + 1 becomes n
        if min(left) < 1:
            raise ValueError(f"an image of {height}×{width} pixels has none left after {len(widths)} widths; take fewer")
        self.layers = nn.ModuleList(nn.Conv2d(a, b, KERNEL, STRIDE, PADDING) for a, b in itertools.pairwise((channels, *widths)))
        self.last = nn.Linear(size((widths[-1], *left)), size(outputs))
        self.outputs = outputs
        weighted: list[Any] = [*self.layers, self.last]
        self.norms = nn.ModuleList(SpectralNorm(layer.weight) for layer in weighted) if spectral_norm else None

    def forward(self, x_NCHW: Tensor) -> Tensor:
        if self.norms is None:
            for layer in self.layers:
                x_NCHW = leaky_relu(layer(x_NCHW), 0.2)
            x = self.last(x_NCHW.flatten(1))
        else:
            *convolutions, (last, norm) = self._pairs()
            for layer, own in convolutions:
                x_NCHW = leaky_relu(conv2d(x_NCHW, own(layer.weight), layer.bias, STRIDE, PADDING), 0.2)
            x = linear(x_NCHW.flatten(1), norm(last.weight), last.bias)
        return x if len(self.outputs) == 1 else x.unflatten(1, self.outputs)

    @property
    def project_(self) -> Callable[[], None] | None:
        """Let the spectral norms follow the weights after a move; None where there are none."""
        return None if self.norms is None else self._follow

    def _follow(self) -> None:
        for layer, norm in self._pairs():
            norm.follow_(layer.weight)

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Each layer with its spectral norm; none without norms."""
        return [] if self.norms is None else list(zip([*self.layers, self.last], self.norms, strict=True))


def _check_widths(widths: tuple[int, ...]) -> None:
    if not widths or min(widths) < 1:
        raise ValueError(f"widths is {widths}, but must name at least one width, and each at least 1")
