"""GANs on images: fully connected pairs on MNIST and on scikit-learn's digits, convolutional ones on MNIST, Fashion-MNIST and CIFAR-10.

Pixels are in [−1, 1], so that both players see centred images. On [0, 1] with a sigmoid, otherwise the same recipe, the discriminator
wins within a thousand rounds (loss 0.02 and falling) and the generator collapses; so does the plain loop written by hand.

The generator may be supervised as well: with w = `l1`, i a random training image and cᵢ its own code, drawn from N(0, I) once and for all,

    L_G + w E_i[ |G(cᵢ) − xᵢ| ]        mean over pixels

so that G learns to give xᵢ for cᵢ beside giving something real for noise. λ leaves this term alone, for no discriminator is in it. Codes
that are fixed rather than learned are the start of P. Bojanowski et al., "Optimizing the Latent Space of Generative Networks",
arXiv:1707.05776; the L1 distance beside the adversarial loss is that of P. Isola et al., arXiv:1611.07004, section 3.1.

Shapes: N = batch, Z = latent, C, H, W = channels, height, width of an image.
"""

import dataclasses
import functools
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from arena import PlayerSource, Rng
from arena.errors import BadSetting, SlotMismatch, check_choice, check_number
from arena.games.data import images
from arena.games.data.judge import Judge, judge
from arena.games.gan.base import GAN
from arena.games.gan.metrics import Samples
from arena.players import MLP
from arena.players.base import evaluating

RANGES: dict[str, tuple[int, int]] = {"signed": (-1, 1), "unit": (0, 1)}
"""What the darkest and the brightest pixel are for the players, by the name of the setting `pixels`."""

FINALS = {"signed": "tanh", "unit": "sigmoid"}

_real_outputs: dict[Any, tuple[Tensor, Tensor]] = {}
"""What the judge sees in real samples: they are fixed, and looking at them would be half of what metrics cost."""


class ImageGAN(GAN):
    """A GAN on images of one data set. The score is measured on the pixels of its test set.

    A data set is a subclass that names it, as `arena.games.data.images` does or by the path of an npz, and says what its images are:

        @register("my-images")
        class MyImages(ImageGAN):
            data_set, shape = "my_images.npz", (1, 28, 28)

    Args:
        generator: from latent noise to an image.
        discriminator: from an image to one logit.
        latent: size of the noise, standard normal.
        batch: images drawn per turn.
        pixels: signed takes them to be in [−1, 1], for a generator that ends in tanh, unit in [0, 1], for one that ends in a sigmoid.
        l1: weight of the pixel-wise distance |G(c) − x| of training images x to what is made of their fixed codes c; at least 0.
        settings: of every GAN; see `arena.games.gan.base`.

    Raises:
        BadSetting: for a number out of its range, or a batch larger than the data set.
        UnknownName: for an unknown loss or range.
        SlotMismatch: for a player that does not fit, or whose pixels or images are not those of the data.
        DataUnavailable: where the data are neither here nor to be downloaded.
        DataDamaged: where they are not what they should be.
    """

    data_set: ClassVar[str]
    shape: ClassVar[tuple[int, int, int]]

    def __init__(
        self,
        generator: PlayerSource = functools.partial(MLP, hidden=(100, 300), final="tanh"),
        discriminator: PlayerSource = functools.partial(MLP, hidden=(300, 100)),
        latent: int = 100,
        batch: int = 100,
        pixels: Literal["signed", "unit"] = "signed",
        l1: float = 0.0,
        **settings: Any,
    ):
        check_choice("pixels", pixels, RANGES)
        check_number("l1", l1, least=0)
        super().__init__(shape=self.shape, generator=generator, discriminator=discriminator, latent=latent, batch=batch, **settings)
        self.pixels, self.l1, self.supervised = pixels, l1, l1 > 0
        self._check_range()

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        return self._take("x_train", self._indices("x_train", n, rng))

    def held_out(self, n: int, rng: torch.Generator) -> Tensor:
        return self._take("x_test", self._indices("x_test", n, rng))

    def sample(self, rng: Rng) -> Any:
        """What every GAN draws; where the generator is supervised, a pair of that and of training images with their codes."""
        drawn = super().sample(rng)
        if not self.supervised:
            return drawn
        index_N = self._indices("x_train", self.batch, rng)
        codes = codes_of(len(self._data(rng.device)["x_train"]), self.latent, rng.device)
        return drawn, (self._take("x_train", index_N), codes.index_select(0, index_N))

    def losses(self, batch: Any, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        if not self.supervised:
            return super().losses(batch, coupling, movers)
        drawn, (image_NCHW, code_NZ) = batch
        losses = super().losses(drawn, coupling, movers)
        if "generator" in losses:
            distance = (self.players["generator"](code_NZ) - image_NCHW).abs().mean()
            losses["generator"] = losses["generator"] + self.l1 * distance
        return losses

    def signals(self, batch: Any) -> dict[str, Tensor]:
        return super().signals(batch[0] if self.supervised else batch)

    def samples(self, fake: Tensor, repeat: int) -> Samples:
        found = super().samples(fake, repeat)
        key = (type(self), self.pixels, repeat, len(found.real), found.real.device, found.real.dtype)
        if key not in _real_outputs:
            _real_outputs[key] = self.judge().outputs(found.real)
        found.real_outputs = _real_outputs[key]
        return found

    def judge(self) -> Judge:
        like = next(self.players["generator"].parameters(), torch.empty(()))
        return dataclasses.replace(judge(self.data_set, torch.empty(0).device, like.dtype), pixel_range=RANGES[self.pixels])

    def compared(self, n: int, rng: torch.Generator) -> Tensor:
        return self._distinct(n, rng, "x_test")

    def posing(self, n: int, rng: torch.Generator) -> Tensor:
        return self._distinct(n, rng, "x_train")

    def picture(self) -> Any:
        """The images of 64 fixed noise vectors, and eight ways from one fixed noise vector to another."""
        from arena.plots.images import image_grids

        low, high = RANGES[self.pixels]
        generator = self.players["generator"]
        like = next(generator.parameters(), torch.empty(()))
        ends = torch.randn(2, 8, self.latent, generator=torch.Generator(device=torch.empty(0).device).manual_seed(1)).to(like)
        ways = between(ends[0], ends[1], 8).flatten(0, 1)
        made = {"fixed noise": self.generate(64), "from one noise vector to another": generator(ways)}
        return image_grids({title: (x - low) / (high - low) for title, x in made.items()})

    def _distinct(self, n: int, rng: torch.Generator, part: str) -> Tensor:
        """n images without repetition, or all that there are: of an image that is there twice, the nearest neighbour is itself."""
        index = torch.randperm(len(self._data(rng.device)[part]), generator=rng, device=rng.device)[:n]
        return self._take(part, index).to(next(self.players["generator"].parameters(), torch.empty(())))  # the judge's precision

    # Data -------------------------------------------------------------------------------------------------------------------

    def _data(self, device: torch.device) -> dict[str, Tensor]:
        data = images.load(self.data_set, device)
        count, height, width, *channels = data["x_train"].shape
        found = (*(channels or [1]), height, width)
        if found != self.shape:
            raise SlotMismatch(
                f"{type(self).__name__}'s players are for images of {_times(self.shape)} (channels, height, width), but those of "
                f"{self.data_set} are {_times(found)}; say so in the game's shape"
            )
        if self.batch > count:
            raise BadSetting("batch", self.batch, f"at most {count:,}, the images that {self.data_set} has to train on")
        return data

    def _indices(self, part: str, n: int, rng: torch.Generator) -> Tensor:
        return torch.randint(len(self._data(rng.device)[part]), (n,), generator=rng, device=rng.device)

    def _take(self, part: str, index_N: Tensor) -> Tensor:
        taken = self._data(index_N.device)[part].index_select(0, index_N)
        taken = taken.unsqueeze(1) if taken.dim() == 3 else taken.permute(0, 3, 1, 2)
        low, high = RANGES[self.pixels]
        return taken.to(torch.get_default_dtype()).div_(255 / (high - low)).add_(low)

    def _check_range(self) -> None:
        found = range_of(self.players["generator"], self.latent)
        low, high = RANGES[self.pixels]
        if found is not None and found != (low, high):
            right = [name for name, ends in RANGES.items() if ends == found]
            also = f", or play with --pixels {right[0]}" if right else ""
            raise SlotMismatch(
                f"the generator gives pixels in [{found[0]}, {found[1]}], but the images' are in [{low}, {high}]; "
                f"let it end in {FINALS[self.pixels]}{also}"
            )


def codes_of(count: int, latent: int, device: torch.device) -> Tensor:
    """The fixed codes of `count` training images, standard normal, the same in every run.

    Example:
        >>> codes_of(3, 2, torch.device("cpu")).shape
        torch.Size([3, 2])
    """
    return _codes(count, latent, device)


@functools.cache
def _codes(count: int, latent: int, device: torch.device) -> Tensor:
    # Not torch's generator: batches are drawn many turns at once, under vmap, which would make every turn's codes different.
    return torch.from_numpy(np.random.default_rng(0).standard_normal((count, latent), np.float32)).to(device)


def between(start_NZ: Tensor, end_NZ: Tensor, steps: int) -> Tensor:
    """N ways from a noise vector to another along the great circle, both ends included: N × steps × Z.

    z(t) = (sin((1 − t)ω) a + sin(tω) b) / sin ω, ω being the angle between a and b. A straight way would pass through vectors shorter
    than noise ever is (T. White, "Sampling Generative Networks", arXiv:1609.04468).

    Args:
        start_NZ: where each way begins, a.
        end_NZ: where it ends, b.
        steps: vectors on a way, at least 2.

    Example:
        >>> between(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 3).shape
        torch.Size([1, 3, 2])
    """
    t_S1 = torch.linspace(0, 1, steps, dtype=start_NZ.dtype, device=start_NZ.device).unsqueeze(1)
    angle_N11 = torch.nn.functional.cosine_similarity(start_NZ, end_NZ).clamp(-1, 1).acos()[:, None, None]
    straight = angle_N11.sin() < 1e-3  # the two point the same or the opposite way, and there is no one circle
    sine = torch.where(straight, torch.ones_like(angle_N11), angle_N11.sin())
    before = torch.where(straight, 1 - t_S1, ((1 - t_S1) * angle_N11).sin() / sine)
    after = torch.where(straight, t_S1, (t_S1 * angle_N11).sin() / sine)
    return before * start_NZ[:, None] + after * end_NZ[:, None]


@torch.no_grad()
def range_of(generator: nn.Module, latent: int) -> tuple[int, int] | None:
    """[0, 1] or [−1, 1] where a generator can give no other pixels, found by trying noise a million times too large; else None.

    Args:
        generator: from noise to images.
        latent: size of the noise.

    Example:
        >>> range_of(MLP((2,), (1, 4, 4), final="sigmoid"), 2), range_of(MLP((2,), (1, 4, 4), final="tanh"), 2), range_of(nn.Identity(), 2)
        ((0, 1), (-1, 1), None)
    """
    like = next(generator.parameters(), torch.empty(()))
    noise = torch.randn(16, latent, generator=torch.Generator().manual_seed(0), device="cpu").to(like)
    with evaluating(generator):
        pixels = torch.cat([generator(scale * noise).flatten() for scale in (1, 1e6)])
    low, high = pixels.aminmax()
    if not bool((pixels.isfinite().all()) & (high - low > 0.9) & (high <= 1) & (low >= -1)):
        return None  # it can give more, or too little was seen of what it can
    return (0, 1) if low >= 0 else (-1, 1)


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
