"""GANs on images: the fully connected pair, on MNIST and on scikit-learn's bundled digits.

Pixels are in [−1, 1], so that both players see centred images. On [0, 1] with a sigmoid, otherwise the same recipe, the discriminator
wins within a thousand rounds (loss 0.02 and falling) and the generator collapses; so does the plain loop written by hand.

Shapes: N = batch, C, H, W = channels, height, width of an image.
"""

import functools
from typing import Any, ClassVar

import torch
from torch import Tensor

from arena import PlayerSource, register
from games.data import images
from games.data.judge import Judge, judge
from games.gan import GAN
from games.metrics import Samples
from players import MLP

_seen: dict[Any, tuple[Tensor, Tensor]] = {}
"""What the judge sees in real samples: they are fixed, and looking at them would be half of what metrics cost."""


class ImageGAN(GAN):
    """A GAN on images of one published data set. The score is measured on the pixels of its test set.

    Args:
        generator: from latent noise to an image with pixels in [−1, 1].
        discriminator: from an image to one logit.
        latent: size of the noise, standard normal.
        batch: images drawn per turn.
        settings: of every GAN; see `games.gan`.

    Raises:
        BadSetting: for a number out of its range.
        UnknownName: for an unknown loss.
        SlotMismatch: for a player that does not fit.
    """

    data_set: ClassVar[str]
    shape: ClassVar[tuple[int, int, int]]

    def __init__(
        self,
        generator: PlayerSource = functools.partial(MLP, hidden=(100, 300), final="tanh"),
        discriminator: PlayerSource = functools.partial(MLP, hidden=(300, 100)),
        latent: int = 100,
        batch: int = 100,
        **settings: Any,
    ):
        super().__init__(shape=self.shape, generator=generator, discriminator=discriminator, latent=latent, batch=batch, **settings)

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        return self._draw(n, rng, "x_train")

    def held_out(self, n: int, rng: torch.Generator) -> Tensor:
        return self._draw(n, rng, "x_test")

    def samples(self, fake: Tensor, repeat: int) -> Samples:
        found = super().samples(fake, repeat)
        key = (type(self), repeat, len(found.real), fake.device, fake.dtype)
        if key not in _seen:
            _seen[key] = self.judge().look(found.real)
        found.seen = _seen[key]
        return found

    def judge(self) -> Judge:
        like = next(self.players["generator"].parameters(), torch.empty(()))
        return judge(self.data_set, torch.empty(0).device, like.dtype)

    def compared(self, n: int, rng: torch.Generator) -> Tensor:
        return self._distinct(n, rng, "x_test")

    def posing(self, n: int, rng: torch.Generator) -> Tensor:
        return self._distinct(n, rng, "x_train")

    def picture(self) -> Any:
        """The images of 64 fixed noise vectors."""
        from arena.plots import image_grid

        return image_grid(self.generate(64) / 2 + 0.5)

    def _draw(self, n: int, rng: torch.Generator, part: str) -> Tensor:
        pixels = images.load(self.data_set, rng.device)[part]
        index = torch.randint(len(pixels), (n,), generator=rng, device=rng.device)
        return self._scaled(pixels, index)

    def _distinct(self, n: int, rng: torch.Generator, part: str) -> Tensor:
        """n images without repetition, or all that there are: of an image that is there twice, the nearest neighbour is itself."""
        pixels = images.load(self.data_set, rng.device)[part]
        return self._scaled(pixels, torch.randperm(len(pixels), generator=rng, device=rng.device)[:n])

    def _scaled(self, pixels: Tensor, index: Tensor) -> Tensor:
        return pixels.index_select(0, index).unsqueeze(1).to(torch.get_default_dtype()).div_(127.5).sub_(1)


@register("mnist")
class MNIST(ImageGAN):
    """The fully connected GAN on MNIST: generator 100-100-300-784, discriminator 784-300-100-1."""

    data_set = "mnist"
    shape = (1, 28, 28)
    recipe: ClassVar[dict[str, Any]] = {
        "turns": 24_000,  # of alternating moves: 20 epochs of 600 batches of 100
        "scheduler": "alternating",
        "generator.lr": 2e-4,
        "generator.betas": (0.5, 0.999),
        "generator.schedule": "linear",
        "discriminator.lr": 2e-4,
        "discriminator.betas": (0.5, 0.999),
        "discriminator.schedule": "linear",
        "score.every": 1200,
        "picture.every": 1200,
        "checkpoint.every": 2400,
    }


@register("digits")
class Digits(ImageGAN):
    """The fully connected GAN on scikit-learn's 8×8 digits, which need no download."""

    data_set = "digits"
    shape = (1, 8, 8)
    recipe: ClassVar[dict[str, Any]] = {**MNIST.recipe, "turns": 12_000, "generator.lr": 1e-3, "discriminator.lr": 1e-3}
