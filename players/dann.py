"""Players of domain adaptation: classifiers in two parts, `features` and `label`, so that a domain classifier can listen between them.

A network of this kind gives the logits of the classes, and its two parts can be had by themselves; any module with children of these two
names can take its place. A domain classifier takes the features and gives one logit, positive for the target; an MLP will do.
"""

from typing import Literal

from torch import Tensor, nn

from players.base import Shape
from players.mlp import MLP


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
