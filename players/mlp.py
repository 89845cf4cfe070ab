"""The multilayer perceptron: fits any slot, flattening what goes in and reshaping what comes out."""

from typing import Literal

from torch import Tensor, nn

from players.base import Shape, size

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}


class MLP(nn.Module):
    """Fully connected layers with one activation between them.

    Args:
        inputs: shape of one example.
        outputs: shape of one result.
        hidden: widths of the hidden layers; empty for a linear map.
        activation: between layers; leaky-relu has the slope 0.2 that GANs use.
        final: after the last layer: none, sigmoid for pixels in [0, 1], tanh for [−1, 1].

    Raises:
        ValueError: for a width below 1.

    Example:
        >>> import torch
        >>> MLP((64,), (1, 8, 8), hidden=(32,), final="sigmoid")(torch.zeros(5, 64)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self,
        inputs: Shape,
        outputs: Shape,
        hidden: tuple[int, ...] = (128, 128),
        activation: Literal["relu", "leaky-relu", "tanh", "sigmoid", "silu", "softplus"] = "leaky-relu",
        final: Literal["none", "sigmoid", "tanh"] = "none",
    ):
        super().__init__()
        if any(width < 1 for width in hidden):
            raise ValueError(f"hidden is {hidden}, but every width must be at least 1")
        widths = [size(inputs), *hidden]
        layers: list[nn.Module] = [] if len(inputs) == 1 else [nn.Flatten()]
        for wide, narrow in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(wide, narrow), ACTIVATIONS[activation]()]
        layers.append(nn.Linear(widths[-1], size(outputs)))
        if final != "none":
            layers.append(ACTIVATIONS[final]())
        if len(outputs) != 1:
            layers.append(nn.Unflatten(1, outputs))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
