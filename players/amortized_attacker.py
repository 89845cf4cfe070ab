"""Amortized attacker: a network that maps an image to its perturbation in one forward pass.

    δ(x) = clamp(x + ε·tanh h(x), 0, 1) − x                         in the L∞ ball
    δ(x) = clamp(x + ε·h(x)/√(1 + ‖h(x)‖²), 0, 1) − x               in the L2 ball

h is a fully connected network, trained on the loss that a free perturbation would ascend. Pixels at the clamp pass no gradient; the
network still learns from the others.

S. Baluja and I. Fischer, "Adversarial Transformation Networks", arXiv:1703.09387.

Shapes: N = batch, * = the shape of one image.
"""

from typing import Any

import torch
from torch import Tensor, nn

from arena.players.ball import Norm
from arena.players.base import Shape
from arena.players.mlp import MLP


class AmortizedAttacker(nn.Module):
    """A network from images to perturbations inside the ε-ball and the pixel range.

    Args:
        inputs: Shape of one image.
        epsilon: ε, radius of the ball, at least 0.
        norm: Norm of the ball, linf or l2.
        hidden: Widths of the hidden layers.

    Example:
        >>> image = torch.rand(5, 1, 8, 8)
        >>> perturbed = image + AmortizedAttacker((1, 8, 8), epsilon=0.1)(image)
        >>> bool(((perturbed - image).abs() <= 0.1001).all() and (perturbed >= 0).all() and (perturbed <= 1).all())
        True
    """

    bounded = True

    def __init__(self, inputs: Shape, epsilon: float = 0.3, norm: Norm = "linf", hidden: tuple[int, ...] = (256, 256)):
        super().__init__()
        self.epsilon, self.norm = epsilon, norm
        self.net = MLP(inputs, inputs, hidden=hidden)

    def forward(self, image_N: Tensor) -> Any:
        raw_N = self.net(image_N - 0.5)
        if self.norm == "linf":
            unit_N = raw_N.tanh()
        else:
            unit_N = raw_N / (1 + raw_N.square().flatten(1).sum(1)).sqrt().view(-1, *[1] * (raw_N.dim() - 1))
        return torch.clamp(image_N + self.epsilon * unit_N, 0, 1) - image_N
