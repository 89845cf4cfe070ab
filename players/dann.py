"""Players of domain adaptation: classifiers in two parts, `features` and `label`, and a domain classifier on the features.

A classifier returns class logits. Any module with children named `features` and `label` can replace it. The domain classifier maps
features to one logit, positive for the target domain.

These networks pool before the ReLU, unlike the published ones: max relu(x) = relu(max x), at a quarter of the work.
"""

from typing import Literal

from torch import Tensor, nn

from arena.players.base import Shape, image_shape, size
from arena.players.mlp import MLP


class TwoParts(nn.Module):
    """A classifier composed of any two modules.

    Args:
        features: Maps a batch of examples to features, (N, F).
        label: Maps features to class logits.

    Example:
        >>> import torch
        >>> net = TwoParts(nn.Linear(2, 4), nn.Linear(4, 3))
        >>> net(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(self, features: nn.Module, label: nn.Module):
        super().__init__()
        self.features, self.label = features, label

    def forward(self, x: Tensor) -> Tensor:
        return self.label(self.features(x))


class LabelledMLP(TwoParts):
    """A fully connected classifier with a feature layer.

    Args:
        inputs: Shape of one example.
        outputs: (number of classes,).
        hidden: Widths of the layers up to and including the features.
        head: Widths of the hidden layers between features and logits.
        activation: Activation after every layer but the last.
    """

    def __init__(
        self,
        inputs: Shape,
        outputs: Shape,
        hidden: tuple[int, ...] = (64, 64),
        head: tuple[int, ...] = (),
        activation: Literal["relu", "leaky-relu", "tanh", "silu"] = "relu",
    ):
        *before, last = hidden
        super().__init__(MLP(inputs, (last,), tuple(before), activation, final=activation), MLP((last,), outputs, head, activation))


class Lenet(TwoParts):
    """LeNet of MNIST ↔ USPS: conv5 20, pool, ReLU; conv5 50, Dropout2d, pool, ReLU; fc 500, ReLU, dropout; fc to the classes.

    Args:
        inputs: Shape of one image, such as (1, 28, 28).
        outputs: (number of classes,).
        dropout: Rate of both dropout layers.
        normed: Add batch normalisation after both convolutions.

    Example:
        >>> import torch
        >>> net = Lenet((1, 28, 28), (10,))
        >>> net.features(torch.zeros(2, 1, 28, 28)).shape, sum(p.numel() for p in net.parameters())
        (torch.Size([2, 500]), 431080)

    References:
        M. Long et al., "Conditional Adversarial Domain Adaptation", arXiv:1705.10667, published code for the digits.
    """

    def __init__(self, inputs: Shape, outputs: Shape, dropout: float = 0.5, normed: bool = False):
        channels, side, _ = image_shape("inputs", inputs)
        flat = 50 * (((side - 4) // 2 - 4) // 2) ** 2
        features = nn.Sequential(
            nn.Conv2d(channels, 20, 5, bias=not normed),
            *norm(20, normed),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(20, 50, 5, bias=not normed),
            *norm(50, normed),
            nn.Dropout2d(dropout),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(flat, 500),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        super().__init__(features, nn.Linear(500, outputs[0]))


class MnistNet(TwoParts):
    """DANN's network for MNIST → MNIST-M: conv5 32, ReLU, pool; conv5 48, ReLU, pool; labels by fc 100, 100.

    Args:
        inputs: Shape of one image, such as (3, 28, 28) or (3, 32, 32).
        outputs: (number of classes,).
        same: Pad the convolutions to preserve the image size.
        normed: Use the batch-normalised variant with dropout, conv5 64 and 50, of the reproductions that report about 90 %.

    Example:
        >>> import torch
        >>> MnistNet((3, 32, 32), (10,)).features(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 3072])

    References:
        Y. Ganin et al., arXiv:1505.07818, figure 4 (a).
    """

    def __init__(self, inputs: Shape, outputs: Shape, same: bool = True, normed: bool = False):
        channels, side, _ = image_shape("inputs", inputs)
        wide, narrow = (64, 50) if normed else (32, 48)
        lost = 0 if same else 4
        flat = narrow * (((side - lost) // 2 - lost) // 2) ** 2
        features = nn.Sequential(
            *(nn.Conv2d(channels, wide, 5, padding=2 if same else 0, bias=not normed), *norm(wide, normed)),
            *(nn.MaxPool2d(2), nn.ReLU()),
            *(nn.Conv2d(wide, narrow, 5, padding=2 if same else 0, bias=not normed), *norm(narrow, normed)),
            *([nn.Dropout2d()] if normed else []),
            *(nn.MaxPool2d(2), nn.ReLU()),
            nn.Flatten(),
        )
        label = nn.Sequential(
            nn.Linear(flat, 100, bias=not normed),
            *norm(100, normed, flat=True),
            nn.ReLU(),
            *([nn.Dropout()] if normed else []),
            nn.Linear(100, 100, bias=not normed),
            *norm(100, normed, flat=True),
            nn.ReLU(),
            nn.Linear(100, outputs[0]),
        )
        super().__init__(features, label)


class SvhnNet(TwoParts):
    """DANN's network for SVHN: conv5 64, ReLU, pool 3/2; conv5 64, ReLU, pool 3/2; conv5 128, ReLU; labels by fc 3072, 2048.

    Args:
        inputs: Shape of one image, such as (3, 32, 32).
        outputs: (number of classes,).
        normed: Add batch normalisation after the convolutions and dropout after the dense layers.
        width: Width of the first dense layer; the second has two thirds of it.

    Example:
        >>> import torch
        >>> SvhnNet((3, 32, 32), (10,), width=96).features(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 6272])

    References:
        Y. Ganin et al., arXiv:1505.07818, figure 4 (b).
    """

    def __init__(self, inputs: Shape, outputs: Shape, normed: bool = False, width: int = 3072):
        channels, side, _ = image_shape("inputs", inputs)
        pooled = ((side - 1) // 2 - 1) // 2  # two 3×3 pools at stride 2
        layers: list[nn.Module] = []
        for before, after in ((channels, 64), (64, 64)):
            layers += [nn.Conv2d(before, after, 5, padding=2, bias=not normed), *norm(after, normed), nn.MaxPool2d(3, 2), nn.ReLU()]
        features = nn.Sequential(*layers, nn.Conv2d(64, 128, 5, padding=2, bias=not normed), *norm(128, normed), nn.ReLU(), nn.Flatten())
        second = 2 * width // 3
        dense: list[nn.Module] = []
        for before, after in ((128 * pooled**2, width), (width, second)):
            dense += [nn.Linear(before, after), nn.ReLU(), *([nn.Dropout()] if normed else [])]
        super().__init__(features, nn.Sequential(*dense, nn.Linear(second, outputs[0])))


class SixConvs(TwoParts):
    """Six 3×3 convolutions (32, 32, pool, 64, 64, pool, 128, 128, pool), fc 128, and one linear layer to the labels.

    Args:
        inputs: Shape of one image, such as (3, 32, 32).
        outputs: (number of classes,).
        normed: Add batch normalisation after the convolutions.
        spread: Standard deviation of the initial weights; 0 keeps torch's initialisation.

    Example:
        >>> import torch
        >>> SixConvs((3, 32, 32), (10,)).features(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 128])
    """

    def __init__(self, inputs: Shape, outputs: Shape, normed: bool = False, spread: float = 0.0):
        channels, side, _ = image_shape("inputs", inputs)
        layers: list[nn.Module] = []
        for width in (32, 64, 128):
            for before, pool in ((channels, []), (width, [nn.MaxPool2d(2)])):
                layers += [nn.Conv2d(before, width, 3, padding=1, bias=not normed), *norm(width, normed), *pool, nn.ReLU()]
            channels = width
        features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * (side // 8) ** 2, 128), nn.ReLU())
        super().__init__(features, nn.Linear(128, outputs[0]))
        if spread > 0:
            _init_normal(self, spread)


class DomainNet(nn.Module):
    """A domain classifier: dense layers with activation and dropout, and one logit.

    Args:
        inputs: Shape of the features.
        hidden: Widths of the layers.
        dropout: Dropout rate after each layer.
        normed: Add batch normalisation before each activation.
        leak: Slope of the ReLU for negative inputs.
        spread: Standard deviation of the initial weights; 0 keeps torch's initialisation.

    Example:
        >>> import torch
        >>> DomainNet((500,))(torch.zeros(2, 500)).shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        inputs: Shape,
        hidden: tuple[int, ...] = (500, 500),
        dropout: float = 0.5,
        normed: bool = False,
        leak: float = 0.0,
        spread: float = 0.0,
    ):
        super().__init__()
        layers: list[nn.Module] = []
        width = size(inputs)
        for wider in hidden:
            layers += [
                nn.Linear(width, wider, bias=not normed),
                *norm(wider, normed, flat=True),
                nn.LeakyReLU(leak) if leak else nn.ReLU(),
            ]
            layers += [nn.Dropout(dropout)] if dropout else []
            width = wider
        self.layers = nn.Sequential(nn.Flatten(), *layers, nn.Linear(width, 1))
        if spread > 0:
            _init_normal(self, spread)

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)


def norm(width: int, normed: bool, *, flat: bool = False) -> list[nn.Module]:
    """Return a list of one batch normalisation layer, 1d if `flat`, or an empty list if not `normed`."""
    if not normed:
        return []
    return [nn.BatchNorm1d(width) if flat else nn.BatchNorm2d(width)]


def _init_normal(module: nn.Module, deviation: float) -> None:
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
