"""Free perturbation: one δ for each image of a batch, restarted on every batch, so that k moves are k steps of PGD.

    on_batch     δ ← s·ε·u,   u uniform in the unit ball                                       s = 0 starts at the images
    move         by the optimizer: α·sign(g) in the L∞ ball, α·g/‖g‖₂ in the L2 ball
    project_     δ ← into_range(into_ball(δ))

One move is FGSM, with a random start if s > 0.

δ itself is projected onto the pixel range; the loss does not clamp x + δ. The gradient of a clamp is 0 where it clamps, and most pixels
of MNIST are 0, so that each pixel with a negative start would never move again.

The start may leave the pixel range, as in the code of Wong et al.: the first gradient is then taken outside it, but the classifier trains
on valid images only. With the start projected, FGSM training of their MNIST network overfits catastrophically.

A. Madry et al., arXiv:1706.06083 (PGD). I. Goodfellow et al., arXiv:1412.6572 (FGSM). E. Wong et al., arXiv:2001.03994.

Shapes: N = batch, * = the shape of one image.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from arena.players.ball import Norm, into_ball, into_range
from arena.players.base import Shape


class Perturbation(nn.Module):
    """A free perturbation of each image of the batch.

    The images and the random numbers of the start are in the batch, as `image` and `start`.

    Args:
        outputs: Shape of one image.
        examples: N, images per batch.
        epsilon: ε, radius of the ball, at least 0.
        norm: Norm of the ball, linf or l2.
        start: s, radius of the random start relative to ε, in [0, 1]; 0 starts at the images.
        clamp_start: Project the start onto the pixel range as well.

    Raises:
        ValueError: `start` is out of its range.

    Example:
        >>> attacker = Perturbation((1, 2, 2), examples=3, epsilon=0.25)
        >>> batch = {"image": torch.zeros(3, 1, 2, 2), "start": -torch.ones(3, 1, 2, 2)}
        >>> attacker.on_batch(batch)
        >>> before = attacker(batch["image"]).min().item()
        >>> attacker.project_(batch)
        >>> before, attacker(batch["image"]).min().item() == 0
        (-0.25, True)
    """

    bounded = True

    def __init__(
        self, outputs: Shape, examples: int = 1, epsilon: float = 0.3, norm: Norm = "linf", start: float = 1.0, clamp_start: bool = False
    ):
        super().__init__()
        if not 0 <= start <= 1:
            raise ValueError(f"start is {start}, but must be in [0, 1], the radius of the random start relative to ε")
        self.epsilon, self.norm, self.start, self.clamp_start = epsilon, norm, start, clamp_start
        self.delta = nn.Parameter(torch.zeros(examples, *outputs))

    def forward(self, image_N: Tensor) -> Tensor:
        if len(image_N) == len(self.delta):
            return self.delta
        if self.training:
            raise ValueError(f"the perturbation has {len(self.delta)} images, but the batch has {len(image_N)}. Fix: do not split batches")
        return self.delta[torch.arange(len(image_N), device=self.delta.device) % len(self.delta)]  # only shapes matter here

    @torch.no_grad()
    def on_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Restart at a new batch."""
        delta = self.epsilon * self.start * batch["start"]
        self.delta.copy_(into_range(delta, batch["image"]) if self.clamp_start else delta)

    @torch.no_grad()
    def project_(self, batch: Mapping[str, Tensor]) -> None:
        """Project onto the ball and the pixel range."""
        self.delta.copy_(into_range(into_ball(self.delta, self.norm, self.epsilon), batch["image"]))
