"""Players of Generate-to-Adapt: an adapter in three parts, `features`, `label` and `generator`, and a discriminator with two heads.

The adapter classifies by label(features(x)). Its generator maps a condition to an image; the condition, (N, K + 1 + F + Z), concatenates
the one-hot label, with an additional class for the target domain, the features and noise. The discriminator returns logits, (N, 1 + K):
of being a real source example, and of the classes.

These networks pool before the ReLU, unlike the published ones: max relu(x) = relu(max x), at a quarter of the work.

Shapes: N = batch, K = classes, F = features, Z = noise, C, H, W = channels, height, width.
"""

import torch
from torch import Tensor, nn

from arena.players.base import Shape, size
from arena.players.dann import TwoParts, norm
from arena.players.mlp import MLP


class Adapter(TwoParts):
    """A fully connected adapter for points and small images.

    Args:
        inputs: Shape of one example.
        outputs: (number of classes,).
        latent: Z, size of the generator's noise.
        pixels: Whether examples are images in [−½, ½]; if so, the generator's output is bounded to that range.
        hidden: Widths of the layers up to and including the features.
        generates: Widths of the generator's hidden layers.

    Example:
        >>> net = Adapter((1, 8, 8), (10,), latent=4, pixels=True)
        >>> net(torch.zeros(5, 1, 8, 8)).shape, net.generator(torch.zeros(5, 11 + 32 + 4)).shape
        (torch.Size([5, 10]), torch.Size([5, 1, 8, 8]))
    """

    def __init__(
        self,
        inputs: Shape,
        outputs: Shape,
        latent: int = 8,
        pixels: bool = False,
        hidden: tuple[int, ...] = (64, 32),
        generates: tuple[int, ...] = (64, 64),
    ):
        *before, last = hidden
        super().__init__(MLP(inputs, (last,), tuple(before), "relu", final="tanh"), nn.Linear(last, outputs[0]))
        condition = outputs[0] + 1 + last + latent
        generator = MLP((condition,), inputs, generates, "relu", final="tanh" if pixels else "none")
        self.generator = nn.Sequential(generator, Halved()) if pixels else generator


class ConvAdapter(TwoParts):
    """The published adapter for 32×32 pixels.

        features    conv5 64, ReLU, pool 2; conv5 64, ReLU, pool 2; conv5 128, ReLU: 128 numbers
        label       fc 128, ReLU, fc to the classes
        generator   transposed convolutions 512 (2×2), 256, 128, 64, C (4×4 at stride 2), batch normalisation and ReLU between, ½ tanh

    Args:
        inputs: Shape of one image, (C, 32, 32).
        outputs: (number of classes,).
        latent: Z, size of the generator's noise.
        pixels: Whether examples are images in [−½, ½]; must be true.
        published: Initialise as published: N(0, 0.02) for convolutions, N(0, 0.1) for linear layers.
        normed: Add batch normalisation to the features, which the published network lacks.

    Raises:
        ValueError: The images have another size.

    Example:
        >>> net = ConvAdapter((3, 32, 32), (10,), latent=512)
        >>> net.features(torch.zeros(2, 3, 32, 32)).shape, net.generator(torch.zeros(2, 11 + 128 + 512)).shape
        (torch.Size([2, 128]), torch.Size([2, 3, 32, 32]))

    References:
        S. Sankaranarayanan et al., "Generate To Adapt", arXiv:1704.01705, published code for the digits.
    """

    def __init__(self, inputs: Shape, outputs: Shape, latent: int = 512, pixels: bool = True, published: bool = True, normed: bool = False):
        _check_image(inputs, pixels)
        channels, classes = inputs[0], outputs[0]
        features = nn.Sequential(
            *(nn.Conv2d(channels, 64, 5), *norm(64, normed), nn.MaxPool2d(2), nn.ReLU()),
            *(nn.Conv2d(64, 64, 5), *norm(64, normed), nn.MaxPool2d(2), nn.ReLU()),
            *(nn.Conv2d(64, 128, 5), *norm(128, normed), nn.ReLU(), nn.Flatten()),
        )
        super().__init__(features, nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, classes)))
        width = classes + 1 + 128 + latent
        layers: list[nn.Module] = [nn.Unflatten(1, (width, 1, 1))]
        for wide, kernel, stride, padding in ((512, 2, 1, 0), (256, 4, 2, 1), (128, 4, 2, 1), (64, 4, 2, 1)):
            layers += [nn.ConvTranspose2d(width, wide, kernel, stride, padding, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
            width = wide
        self.generator = nn.Sequential(*layers, nn.ConvTranspose2d(64, channels, 4, 2, 1), nn.Tanh(), Halved())
        if published:
            _as_published(self)


class ConvTwoHeads(nn.Module):
    """The published discriminator for 32×32 pixels: conv3 64, 128, 256, 128, each with batch normalisation, leaky ReLU and pool; two heads.

    Args:
        inputs: Shape of one image, (C, 32, 32).
        outputs: (1 + number of classes,).
        published: Initialise as published: N(0, 0.02) for convolutions, N(0, 0.1) for linear layers.

    Raises:
        ValueError: The images have another size.

    Example:
        >>> ConvTwoHeads((3, 32, 32), (11,))(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 11])
    """

    def __init__(self, inputs: Shape, outputs: Shape, published: bool = True):
        super().__init__()
        _check_image(inputs, pixels=True)
        layers: list[nn.Module] = []
        width = inputs[0]
        for wide, pool in ((64, 2), (128, 2), (256, 2), (128, 4)):
            layers += [nn.Conv2d(width, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide), nn.MaxPool2d(pool), nn.LeakyReLU(0.2)]
            width = wide
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.real, self.classes = nn.Linear(128, 1), nn.Linear(128, size(outputs) - 1)
        if published:
            _as_published(self)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        features = self.layers(x_NCHW)
        return torch.cat([self.real(features), self.classes(features)], 1)


class Halved(nn.Module):
    """x/2: maps the range of tanh to pixels in [−½, ½]."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 2


def _check_image(inputs: Shape, pixels: bool) -> None:
    if len(inputs) != 3 or tuple(inputs[1:]) != (32, 32) or not pixels:
        raise ValueError(f"inputs is {inputs}, but must be an image of 32×32 pixels. Fix: choose the form 32x32x3, or another player")


def _as_published(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, 0.1 if isinstance(layer, nn.Linear) else 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
