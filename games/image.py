"""Generator against discriminator on images: the fully connected GAN, on MNIST and on scikit-learn's bundled digits.

Shapes: N = batch, Z = latent, C, H, W = channels, height, width of an image; pixels in [0, 1].
"""

import functools
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from arena import Game, PlayerSource, Rng, Slot, register
from arena.errors import check_choice, check_number
from games.data import images
from games.losses import GENERATOR_LOSSES, logistic_discriminator
from games.scores import against_real, real_ceiling
from players import MLP

SCORED = 1024
"""Images in each sample of a score."""


class ImageGAN(Game):
    """A GAN on images: the generator maps noise to pixels, the discriminator gives an image's logit of being real.

    Args:
        generator: from latent noise to an image with pixels in [0, 1].
        discriminator: from an image to one logit.
        latent: size of the noise, standard normal.
        batch: images drawn per turn.
        loss: the generator's loss; see `games.losses`.

    Raises:
        BadSetting: for a number out of its range.
        UnknownName: for an unknown loss.
        SlotMismatch: for a player that does not fit.
    """

    data_set: ClassVar[str]
    shape: ClassVar[tuple[int, int, int]]

    def __init__(
        self,
        generator: PlayerSource = functools.partial(MLP, hidden=(100, 300), final="sigmoid"),
        discriminator: PlayerSource = functools.partial(MLP, hidden=(300, 100)),
        latent: int = 100,
        batch: int = 100,
        loss: Literal["non-saturating", "saturating"] = "non-saturating",
    ):
        check_number("latent", latent, least=1, whole=True)
        check_number("batch", batch, least=1, whole=True)
        check_choice("loss", loss, GENERATOR_LOSSES)
        super().__init__(generator=Slot((latent,), self.shape, generator), discriminator=Slot(self.shape, (1,), discriminator))
        self.latent, self.batch, self.loss = latent, batch, loss

    def real(self, n: int, rng: torch.Generator, part: str = "train") -> Tensor:
        """n images drawn with replacement from a part of the data set, as floats in [0, 1]."""
        pixels = images.load(self.data_set, rng.device)[f"x_{part}"]
        index = torch.randint(len(pixels), (n,), generator=rng, device=rng.device)
        return pixels[index].reshape(n, *self.shape).to(torch.get_default_dtype()) / 255

    def sample(self, rng: Rng) -> tuple[Tensor, Tensor]:
        return self.real(self.batch, rng), torch.randn(self.batch, self.latent, generator=rng.noise)

    def losses(self, batch: tuple[Tensor, Tensor], coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        real_NCHW, noise_NZ = batch
        fake_N1 = self.players["discriminator"](self.players["generator"](noise_NZ))
        losses = {}
        if "generator" in movers:
            losses["generator"] = GENERATOR_LOSSES[self.loss](fake_N1, coupling)
        if "discriminator" in movers:
            losses["discriminator"] = logistic_discriminator(self.players["discriminator"](real_NCHW), fake_N1, coupling)
        return losses

    def signals(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """D(x) and D(G(z)): mean probability of being real that the discriminator gives to data and to generated images."""
        real_NCHW, noise_NZ = batch
        discriminator = self.players["discriminator"]
        fake_NCHW = self.players["generator"](noise_NZ)
        return {"D(x)": discriminator(real_NCHW).sigmoid().mean(), "D(G(z))": discriminator(fake_NCHW).sigmoid().mean()}

    def generate(self, n: int, repeat: int = 0) -> Tensor:
        """n generated images from the fixed noise of that number."""
        like = next(self.players["generator"].parameters(), torch.empty(()))
        rng = torch.Generator(device=torch.empty(0).device).manual_seed(repeat)
        return self.players["generator"](torch.randn(n, self.latent, generator=rng).to(like))

    def score(self) -> Tensor:
        """Sliced Wasserstein distance of 1,024 generated images to 1,024 of the test set, on pixels, over two fixed pairs."""
        return against_real(lambda repeat: self.generate(SCORED, repeat), self._test, SCORED, repeats=2)

    def ceiling(self) -> float:
        """The same of training images."""
        return real_ceiling(self._test, SCORED, repeats=4)

    def picture(self) -> Any:
        """The images of 64 fixed noise vectors."""
        from arena.plots import image_grid

        return image_grid(self.generate(64))

    def _test(self, n: int, rng: torch.Generator) -> Tensor:
        return self.real(n, rng, "test")


@register("mnist")
class MNIST(ImageGAN):
    """The fully connected GAN on MNIST: generator 100-100-300-784, discriminator 784-300-100-1."""

    data_set = "mnist"
    shape = (1, 28, 28)
    recipe: ClassVar[dict[str, Any]] = {
        "turns": 24_000,  # of alternating moves: 20 epochs of 600 batches of 100
        "scheduler": "alternating",
        "generator.hidden": (100, 300),
        "generator.final": "sigmoid",
        "generator.lr": 2e-4,
        "generator.betas": (0.5, 0.999),
        "discriminator.hidden": (300, 100),
        "discriminator.lr": 2e-4,
        "discriminator.betas": (0.5, 0.999),
        "score.every": 1200,
        "picture.every": 1200,
        "checkpoint.every": 2400,
    }


@register("digits")
class Digits(ImageGAN):
    """The fully connected GAN on scikit-learn's 8×8 digits, which need no download."""

    data_set = "digits"
    shape = (1, 8, 8)
    recipe: ClassVar[dict[str, Any]] = {**MNIST.recipe, "turns": 12_000}
