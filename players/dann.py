"""Players of domain adaptation: classifiers in two parts, `features` and `label`, so that a domain classifier can listen between them.

A network of this kind gives the logits of the classes, and its two parts can be had by themselves; any module with children of these two
names can take its place. A domain classifier takes the features and gives one logit, positive for the target; an MLP will do.

Where papers pool what comes out of a ReLU, these nets pool what goes into it: max relu(x) = relu(max x), at a quarter of the work.
"""

from typing import Literal

from torch import Tensor, nn

from arena.players.base import Shape, image_shape, size
from arena.players.mlp import MLP


class TwoParts(nn.Module):
    """A classifier made of any two modules.

    Args:
        features: from a batch of examples to N × F features.
        label: from features to the logits of the classes.

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
    """Fully connected layers to features, and from them to the logits of the classes.

    Args:
        inputs: shape of one example.
        outputs: (number of classes,).
        hidden: widths of the layers up to the features, which are the last of them.
        head: widths of the hidden layers from the features to the logits.
        activation: after every layer but the last.
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
    """The small LeNet of MNIST ↔ USPS: conv5 20, pool, ReLU; conv5 50, Dropout2d, pool, ReLU; fc 500, ReLU, dropout; fc to the classes.

    Args:
        inputs: shape of one image, such as (1, 28, 28).
        outputs: (number of classes,).
        dropout: rate of both dropout layers.
        normed: batch normalisation behind both convolutions.

    Example:
        >>> import torch
        >>> net = Lenet((1, 28, 28), (10,))
        >>> net.features(torch.zeros(2, 1, 28, 28)).shape, sum(p.numel() for p in net.parameters())
        (torch.Size([2, 500]), 431080)

    References:
        M. Long et al., "Conditional Adversarial Domain Adaptation", arXiv:1705.10667, the digits of its published code.
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
    """DANN's architecture for MNIST → MNIST-M: conv5 32, ReLU, pool; conv5 48, ReLU, pool; labels by fc 100, 100.

    Args:
        inputs: shape of one image, such as (3, 28, 28) or (3, 32, 32).
        outputs: (number of classes,).
        same: pad the convolutions so that they keep the size.
        normed: the batch-normed variant of later reproductions, conv5 64 and 50, with dropout: its accuracies are those near 90.

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
    """DANN's architecture for SVHN: conv5 64, ReLU, pool 3/2; conv5 64, ReLU, pool 3/2; conv5 128, ReLU; labels by fc 3072, 2048.

    Args:
        inputs: shape of one image, such as (3, 32, 32).
        outputs: (number of classes,).
        normed: batch normalisation in front of every ReLU of the convolutions, and dropout behind the dense layers.
        width: of the first dense layer; the second has two thirds of it.

    Example:
        >>> import torch
        >>> SvhnNet((3, 32, 32), (10,), width=96).features(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 6272])

    References:
        Y. Ganin et al., arXiv:1505.07818, figure 4 (b).
    """

    def __init__(self, inputs: Shape, outputs: Shape, normed: bool = False, width: int = 3072):
        channels, side, _ = image_shape("inputs", inputs)
        pooled = ((side - 1) // 2 - 1) // 2  # twice 3×3 with stride 2
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
    """Six 3×3 convolutions (32, 32, pool, 64, 64, pool, 128, 128, pool), fc 128, and labels by one linear layer.

    Args:
        inputs: shape of one image, such as (3, 32, 32).
        outputs: (number of classes,).
        normed: batch normalisation in front of every ReLU of the convolutions.
        spread: standard deviation of the initial weights; 0 leaves torch's own.

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
            _spread(self, spread)


class DomainNet(nn.Module):
    """A domain classifier: dense layers, each with an activation and dropout behind it, and one logit.

    Args:
        inputs: shape of the features.
        hidden: widths of the layers.
        dropout: rate behind each of them.
        normed: batch normalisation in front of each activation.
        leak: slope of the ReLU below zero.
        spread: standard deviation of the initial weights; 0 leaves torch's own.

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
            _spread(self, spread)

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)


def norm(width: int, normed: bool, *, flat: bool = False) -> list[nn.Module]:
    """A batch normalisation layer, or none, of images or (flat) of rows of numbers."""
    if not normed:
        return []
    return [nn.BatchNorm1d(width) if flat else nn.BatchNorm2d(width)]


def _spread(module: nn.Module, deviation: float) -> None:
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
