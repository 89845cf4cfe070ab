"""Small convolutional classifier; with the defaults, the MNIST network of "Fast is better than free".

    conv 4/2 to 16, conv 4/2 to 32, fully connected 100 and 10, with ReLU between

E. Wong, L. Rice and J. Z. Kolter, arXiv:2001.03994.

Shapes: N = batch, C, H, W = channels, height, width.
"""

import itertools

from torch import Tensor, nn
from torch.nn import functional

from arena.players.base import Shape, size


class SmallConv(nn.Module):
    """Convolutions of kernel 4 and stride 2 that halve the image, then fully connected layers.

    Args:
        inputs: Shape of one image, (C, H, W).
        outputs: Shape of one result.
        channels: Channels after each convolution.
        hidden: Widths of the fully connected layers before the last.

    Raises:
        ValueError: The inputs are not images, or are too small for that many convolutions.

    Example:
        >>> import torch
        >>> net = SmallConv((1, 28, 28), (10,))
        >>> net(torch.zeros(5, 1, 28, 28)).shape, sum(p.numel() for p in net.parameters())
        (torch.Size([5, 10]), 166406)
    """

    def __init__(self, inputs: Shape, outputs: Shape, channels: tuple[int, ...] = (16, 32), hidden: tuple[int, ...] = (100,)):
        super().__init__()
        if len(inputs) != 3 or min(inputs[1:]) >> len(channels) < 1:
            raise ValueError(f"inputs is {inputs}, but must be an image (C, H, W) that can be halved {len(channels)} times")
        planes = [inputs[0], *channels]
        self.convolutions = nn.ModuleList(nn.Conv2d(wide, narrow, 4, stride=2, padding=1) for wide, narrow in itertools.pairwise(planes))
        flat = planes[-1] * (inputs[1] >> len(channels)) * (inputs[2] >> len(channels))
        widths = [flat, *hidden, size(outputs)]
        self.layers = nn.ModuleList(nn.Linear(wide, narrow) for wide, narrow in itertools.pairwise(widths))
        self.outputs = outputs

    def forward(self, x_NCHW: Tensor) -> Tensor:
        x = x_NCHW
        for convolution in self.convolutions:
            x = functional.relu(convolution(x))
        x = x.flatten(1)
        *hidden, last = self.layers
        for layer in hidden:
            x = functional.relu(layer(x))
        x = last(x)
        return x if len(self.outputs) == 1 else x.unflatten(1, self.outputs)
