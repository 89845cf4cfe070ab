"""The attacker whose move is a perturbation: one δ for each image of a batch, with which it begins anew on every batch.

    on_batch     δ ← s·ε·u,   u uniform in the unit ball                                       s = 0 starts at the images
    move         the optimizer's: α·sign(g) in the L∞ ball, α·g/‖g‖₂ in the L2 ball
    project_     δ ← into the range( into the ball(δ) )

So k moves are k steps of PGD (A. Madry et al., arXiv:1706.06083), and one move is FGSM with a random start, or without one where s = 0
(I. Goodfellow et al., arXiv:1412.6572).

The pixels' range is kept by moving δ, not by clamping x + δ in the loss: the gradient of a clamp is 0 wherever it clamps, and on MNIST
most pixels are at 0, so that each of those whose start is negative would never move again.

The start itself need not be within the range: as in the code of E. Wong et al., arXiv:2001.03994, the first gradient is then taken at
pixels that no image has, and only what the classifier trains on is an image. That matters: with the start brought into the range, FGSM
training of their MNIST net overfits catastrophically.

Shapes: N = batch, * = the shape of one image.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from arena.players.ball import Norm, into_ball, into_range
from arena.players.base import Shape


class Perturbation(nn.Module):
    """A free perturbation of each image of the batch.

    It holds nothing of the batch but δ: the images and the random numbers of its start come in the batch, as `image` and `start`.

    Args:
        outputs: shape of one image.
        examples: N, images in a batch.
        epsilon: ε, radius of the ball, at least 0.
        norm: of the ball, linf or l2.
        start: s, radius of the random start over ε, in [0, 1]; 0 starts at the images themselves.
        clamp_start: bring the start into the range of pixels as well.

    Raises:
        ValueError: where a number is out of its range.

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
            raise ValueError(f"start is {start}, but must be in [0, 1]: the radius of the random start over ε")
        self.epsilon, self.norm, self.start, self.clamp_start = epsilon, norm, start, clamp_start
        self.delta = nn.Parameter(torch.zeros(examples, *outputs))

    def forward(self, image_N: Tensor) -> Tensor:
        if len(image_N) == len(self.delta):
            return self.delta
        if self.training:
            raise ValueError(
                f"a perturbation belongs to the {len(self.delta)} images of its batch, but was asked about {len(image_N)}; "
                "play batches undivided"
            )
        return self.delta[torch.arange(len(image_N), device=self.delta.device) % len(self.delta)]  # any will do: somebody looks at shapes

    @torch.no_grad()
    def on_batch(self, batch: Mapping[str, Tensor]) -> None:
        """Begin anew on a batch."""
        delta = self.epsilon * self.start * batch["start"]
        self.delta.copy_(into_range(delta, batch["image"]) if self.clamp_start else delta)

    @torch.no_grad()
    def project_(self, batch: Mapping[str, Tensor]) -> None:
        """Go back into the ball, and to where all pixels are in [0, 1]."""
        self.delta.copy_(into_range(into_ball(self.delta, self.norm, self.epsilon), batch["image"]))
