"""Convolutional generator and discriminator for images of any number of channels, after DCGAN without batch normalisation.

The generator maps a code to a small image and doubles its sides; the discriminator halves them and ends in a linear layer. With the
default widths, a code of 128 and 28 × 28 pixels:

    generator        128 → 128 × 7 × 7 → 64 × 14 × 14 → C × 28 × 28
    discriminator    C × 28 × 28 → 64 × 14 × 14 → 128 × 7 × 7 → 256 × 3 × 3 → 1

Kernels are 4 × 4 at stride 2. Without batch normalisation, the output for one example does not depend on the rest of its batch.

A. Radford, L. Metz and S. Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
arXiv:1511.06434.

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
    """Transposed convolutions from a code to an image, each doubling its sides, with ReLU between them.

    Args:
        inputs: Shape of one code.
        outputs: Shape of one image, (C, H, W).
        widths: Channels before each doubling. If H or W is no multiple of 2^len(widths), the image is the middle of the next larger one.
        final: Activation of the last layer: tanh for pixels in [−1, 1], sigmoid for [0, 1], or none.

    Raises:
        ValueError: There are no widths, or a width is below 1.

    Example:
        >>> import torch
        >>> ConvGenerator((128,), (3, 32, 32))(torch.zeros(5, 128)).shape, ConvGenerator((128,), (1, 30, 21))(torch.zeros(5, 128)).shape
        (torch.Size([5, 3, 32, 32]), torch.Size([5, 1, 30, 21]))
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
        self.smallest = (-(-height // times), -(-width // times), widths[0])
        larger = [side * times - wanted for side, wanted in zip(self.smallest, (height, width), strict=False)]
        self._cut = tuple(slice(more // 2, more // 2 + side) for more, side in zip(larger, (height, width), strict=True))
        self._is_cut = any(larger)
        self.start = nn.Linear(size(inputs), size(self.smallest))
        self.layers = nn.ModuleList(nn.ConvTranspose2d(a, b, KERNEL, STRIDE, PADDING) for a, b in itertools.pairwise((*widths, channels)))
        self._final = ACTIVATIONS[final]

    def forward(self, z_NZ: Tensor) -> Tensor:
        # The linear layer puts channels last, which gives the memory format channels_last without a copy.
        x_NCHW = self.start(z_NZ.flatten(1)).unflatten(1, self.smallest).permute(0, 3, 1, 2)
        for layer in self.layers:
            x_NCHW = layer(x_NCHW.relu())
        return self._final(x_NCHW[:, :, *self._cut] if self._is_cut else x_NCHW)


class ConvDiscriminator(nn.Module):
    """Convolutions that each halve an image's sides, with leaky ReLU of slope 0.2, and one linear layer.

    Args:
        inputs: Shape of one image, (C, H, W).
        outputs: Shape of one result.
        widths: Channels after each convolution.
        spectral_norm: Divide each weight by its largest singular value; see `arena.players.spectral_norm`.

    Raises:
        ValueError: There are no widths, a width is below 1, or no pixel is left after the convolutions.

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
        final = (height >> len(widths), width >> len(widths))  # a side of 2n or 2n + 1 becomes n
        if min(final) < 1:
            raise ValueError(f"an image of {height}×{width} pixels does not halve {len(widths)} times. Fix: use fewer widths")
        self.layers = nn.ModuleList(nn.Conv2d(a, b, KERNEL, STRIDE, PADDING) for a, b in itertools.pairwise((channels, *widths)))
        self.last = nn.Linear(size((widths[-1], *final)), size(outputs))
        self.outputs = outputs
        weighted: list[Any] = [*self.layers, self.last]
        self.norms = nn.ModuleList(SpectralNorm(layer.weight) for layer in weighted) if spectral_norm else None

    def forward(self, x_NCHW: Tensor) -> Tensor:
        if self.norms is None:
            for layer in self.layers:
                x_NCHW = leaky_relu(layer(x_NCHW), 0.2)
            x = self.last(x_NCHW.flatten(1))
        else:
            *convolutions, (last, last_norm) = self._pairs()
            for layer, norm in convolutions:
                x_NCHW = leaky_relu(conv2d(x_NCHW, norm(layer.weight), layer.bias, STRIDE, PADDING), 0.2)
            x = linear(x_NCHW.flatten(1), last_norm(last.weight), last.bias)
        return x if len(self.outputs) == 1 else x.unflatten(1, self.outputs)

    @property
    def project_(self) -> Callable[[], None] | None:
        """The power iteration to run after a move; None without spectral norms."""
        return None if self.norms is None else self._follow

    def _follow(self) -> None:
        for layer, norm in self._pairs():
            norm.follow_(layer.weight)

    def _apply(self, fn: Any, recurse: bool = True) -> "ConvDiscriminator":
        super()._apply(fn, recurse)
        for layer, norm in self._pairs():
            norm.converted(layer.weight)
        return self

    def _pairs(self) -> list[tuple[Any, Any]]:
        """Return each layer with its spectral norm."""
        return [] if self.norms is None else list(zip([*self.layers, self.last], self.norms, strict=True))


def _check_widths(widths: tuple[int, ...]) -> None:
    if not widths or min(widths) < 1:
        raise ValueError(f"widths is {widths}, but must hold at least one width, and each must be at least 1")
