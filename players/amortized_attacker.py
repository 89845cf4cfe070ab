"""The attacker that has learnt to attack: a net from an image to its perturbation, in the place of steps on each image.

    δ(x) = clamp(x + ε·tanh h(x), 0, 1) − x                         in the L∞ ball
    δ(x) = clamp(x + ε·h(x)/√(1 + ‖h(x)‖²), 0, 1) − x               in the L2 ball, both with a fully connected net h

S. Baluja and I. Fischer, "Adversarial Transformation Networks", arXiv:1703.09387. It is trained, by any optimizer, on the loss on
which a free perturbation steps, and its attack costs one forward pass. Pixels that the clamp holds have no gradient; the net still
learns from all others.

Shapes: N = batch, * = the shape of one image.
"""

from typing import Any

import torch
from torch import Tensor, nn

from arena.players.ball import Norm
from arena.players.base import Shape
from arena.players.mlp import MLP


class AmortizedAttacker(nn.Module):
    """A net from images to perturbations within the ball and the pixels' range.

    Args:
        inputs: shape of one image.
        epsilon: ε, radius of the ball, at least 0.
        norm: of the ball, linf or l2.
        hidden: widths of the net's hidden layers.

    Example:
        >>> image = torch.rand(5, 1, 8, 8)
        >>> moved = image + AmortizedAttacker((1, 8, 8), epsilon=0.1)(image)
        >>> bool(((moved - image).abs() <= 0.1001).all() and (moved >= 0).all() and (moved <= 1).all())
        True
    """

    bounded = True

    def __init__(self, inputs: Shape, epsilon: float = 0.3, norm: Norm = "linf", hidden: tuple[int, ...] = (256, 256)):
        super().__init__()
        self.epsilon, self.norm = epsilon, norm
        self.net = MLP(inputs, inputs, hidden=hidden)

    def forward(self, image_N: Tensor) -> Any:
        wish_N = self.net(image_N - 0.5)
        if self.norm == "linf":
            unit_N = wish_N.tanh()
        else:
            unit_N = wish_N / (1 + wish_N.square().flatten(1).sum(1)).sqrt().view(-1, *[1] * (wish_N.dim() - 1))
        return torch.clamp(image_N + self.epsilon * unit_N, 0, 1) - image_N
