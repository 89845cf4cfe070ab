"""GANs on images: fully connected pairs on MNIST and on scikit-learn's digits, convolutional ones on MNIST, Fashion-MNIST and CIFAR-10.

Pixels are in [−1, 1], so that both players get centred images. On [0, 1] with a sigmoid and the same recipe, the discriminator
wins within a thousand rounds (loss 0.02 and falling) and the generator collapses, in a plain PyTorch loop as well.

The generator may be supervised as well: with w = `l1`, i a random training image and cᵢ its own code, drawn from N(0, I) once and for all,

    L_G + w E_i[ |G(cᵢ) − xᵢ| ]        mean over pixels

so that G also learns to map cᵢ to xᵢ. λ does not scale this term, because it has no discriminator. Codes
that are fixed rather than learned are the start of P. Bojanowski et al., "Optimizing the Latent Space of Generative Networks",
arXiv:1707.05776; the L1 distance beside the adversarial loss is that of P. Isola et al., arXiv:1611.07004, section 3.1.

Shapes: N = batch, Z = latent, C, H, W = channels, height, width of an image.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from arena.core.rng import Rng
from arena.core.slot import PlayerSource
from arena.data import Takes
from arena.errors import BadSetting, SlotMismatch, check_choice, check_number
from arena.games.data import images
from arena.games.data.judge import Judge, judge
from arena.games.gan.base import GAN
from arena.games.gan.metrics import Samples
from arena.games.gan.scores import stream
from arena.players import MLP
from arena.players.base import evaluating, precision_of

RANGES: dict[str, tuple[int, int]] = {"signed": (-1, 1), "unit": (0, 1)}
"""Darkest and brightest pixel by the setting `pixels`."""
FINALS = {"signed": "tanh", "unit": "sigmoid"}
_real_outputs: dict[Any, tuple[Tensor, Tensor]] = {}
"""The judge's outputs for the fixed real samples, which would be half of the metrics' cost."""


class ImageGAN(GAN):
    """A GAN on images of one data set. The score is measured on the pixels of its test set.

    A subclass defines its own data set, by a name of `arena.games.data.images` or the path of an npz, and the shape of its images; the
    setting `data` names others, in any format that `arena.data` reads, and the players are built for their shape:

        @register("my-images")
        class MyImages(ImageGAN):
            data_set, shape = "my_images.npz", (1, 28, 28)

    Args:
        generator: Maps latent noise to an image.
        discriminator: Maps an image to one logit.
        latent: Size of the standard normal noise.
        batch: Images drawn per turn.
        pixels: signed for [−1, 1] and a generator that ends in tanh, unit for [0, 1] and one that ends in a sigmoid.
        l1: Weight of the pixel-wise distance |G(c) − x| between training images x and images of their fixed codes c; at least 0.
        data: Images in place of the game's own: a folder, a file or the name of a published data set; see docs/data.md.
        size: Side in pixels to which the images are brought; 0 for their own.
        fit: How they are brought there: resize stretches, crop cuts the longer side's ends off, pad adds black to the shorter side's.
        settings: Settings of every GAN; see `arena.games.gan.base`.

    Raises:
        BadSetting: A number is out of its range, or the batch exceeds the data set.
        UnknownName: Unknown loss or range.
        SlotMismatch: A player does not fit its role, or its pixels or images differ from the data's.
        DataUnavailable: The data are not on this machine and cannot be downloaded.
        DataDamaged: The data are not the published ones.
    """

    data_set: ClassVar[str]
    shape: tuple[int, int, int]
    takes = {"data": Takes("images", images.SOURCES)}

    def __init__(
        self,
        generator: PlayerSource = functools.partial(MLP, hidden=(100, 300), final="tanh"),
        discriminator: PlayerSource = functools.partial(MLP, hidden=(300, 100)),
        latent: int = 100,
        batch: int = 100,
        pixels: Literal["signed", "unit"] = "signed",
        l1: float = 0.0,
        data: str = "",
        size: int = 0,
        fit: Literal["resize", "crop", "pad"] = "resize",
        **settings: Any,
    ):
        check_choice("pixels", pixels, RANGES)
        check_number("l1", l1, least=0)
        data = self.takes["data"].settled("data", data)
        self._set: str | images.Own = images.Own(data or self.data_set, size, fit) if data or size else self.data_set
        if isinstance(self._set, images.Own):
            self.shape = _shape_of(images.load(self._set, torch.device("cpu"))["x_train"])
        super().__init__(shape=self.shape, generator=generator, discriminator=discriminator, latent=latent, batch=batch, **settings)
        self.pixels, self.l1, self.supervised = pixels, l1, l1 > 0
        self._check_range()

    def real(self, n: int, rng: torch.Generator) -> Tensor:
        return self._take("x_train", self._indices("x_train", n, rng))

    def held_out(self, n: int, rng: torch.Generator) -> Tensor:
        return self._take("x_test", self._indices("x_test", n, rng))

    def sample(self, rng: Rng) -> Any:
        """Draw the batch of every GAN; with supervision, a pair of that and of training images with their codes."""
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
        samples = super().samples(fake, repeat)
        key = (type(self), self._set, self.pixels, repeat, len(samples.real), samples.real.device, samples.real.dtype)
        if samples.judge is not None and key not in _real_outputs:
            _real_outputs[key] = samples.judge.outputs(samples.real)
        samples.real_outputs = _real_outputs.get(key)
        return samples

    def features(self) -> tuple[Tensor, Mapping[str, Sequence[object]]] | None:
        """The judge's features of 500 generated and 500 real images, with its class of each; None without labels."""
        if not self.judged:
            return None
        outputs = self.samples(self.generate(self.scored), 0).outputs
        kinds = {"generated": outputs[0], "real": outputs[1]}
        images = [name for name, (features_NF, _) in kinds.items() for _ in features_NF[:500]]
        classes = [label for _, logits_NL in kinds.values() for label in logits_NL[:500].argmax(1).tolist()]
        return torch.cat([features_NF[:500] for features_NF, _ in kinds.values()]), {"image": images, "class": classes}

    def metrics(self) -> dict[str, float | Tensor]:
        """The metrics of every GAN, and held-out-gap: the discriminator's mean probability of `scored` training images less that of as many
        test images. It is 0 unless the discriminator knows the training images by heart."""
        discriminator, count = self.players["discriminator"], self.scored - self.scored % self.pack
        like = next(discriminator.parameters(), torch.empty(()))
        with evaluating(self.players):
            packs = [self.packs(draw(count, stream(1)).to(like)) for draw in (self.real, self.held_out)]
            on_train, on_test = (discriminator(examples).sigmoid().mean() for examples in packs)
        return super().metrics() | {"held-out-gap": on_train - on_test}

    @property
    def judged(self) -> bool:
        """Whether the images have labels of two classes or more."""
        return isinstance(self._set, str) or self._set.text in images.SOURCES or len(self._set.kept().labels) > 1

    def judge(self) -> Judge | None:
        if not self.judged:
            return None
        like = next(self.players["generator"].parameters(), torch.empty(()))
        return dataclasses.replace(judge(self._set, torch.empty(0).device, like.dtype), pixel_range=RANGES[self.pixels])

    def compared(self, n: int, rng: torch.Generator) -> Tensor:
        return self._distinct(n, rng, "x_test")

    def posing(self, n: int, rng: torch.Generator) -> Tensor:
        return self._distinct(n, rng, "x_train")

    def picture(self) -> Any:
        """The images of 64 fixed noise vectors over a row of real ones, and eight ways from one fixed noise vector to another."""
        from arena.plots.images import image_grids

        low, high = RANGES[self.pixels]
        generator = self.players["generator"]
        like = next(generator.parameters(), torch.empty(()))
        ends = torch.randn(2, 8, self.latent, generator=torch.Generator(device=torch.empty(0).device).manual_seed(1)).to(like)
        ways = between(ends[0], ends[1], 8).flatten(0, 1)
        panels = {"fixed noise": self.generate(64), "from one noise vector to another": generator(ways)}
        real = self.held_out(16, torch.Generator(device=torch.empty(0).device).manual_seed(2)).to(like)
        below = dict(zip(("real images", "more real images"), real.split(8), strict=True))
        shown = [{title: (x - low) / (high - low) for title, x in row.items()} for row in (panels, below)]
        return image_grids(shown[0], shown[1])

    def _distinct(self, n: int, rng: torch.Generator, part: str) -> Tensor:
        """Draw n distinct images, or all, because a repeated image would be its own nearest neighbour."""
        index = torch.randperm(len(self._data(rng.device)[part]), generator=rng, device=rng.device)[:n]
        return self._take(part, index).to(next(self.players["generator"].parameters(), torch.empty(())))  # the judge's precision

    # Data -------------------------------------------------------------------------------------------------------------------

    def _data(self, device: torch.device) -> dict[str, Tensor]:
        data = images.load(self._set, device)
        count, shape = len(data["x_train"]), _shape_of(data["x_train"])
        if shape != self.shape:
            raise SlotMismatch(
                f"{type(self).__name__}'s players are for images of {_times(self.shape)} (channels, height, width), but those of "
                f"{self._set} are {_times(shape)}; set the game's shape to theirs"
            )
        if self.batch > count:
            raise BadSetting("batch", self.batch, f"at most {count:,}, the images that {self._set} has to train on")
        return data

    def _indices(self, part: str, n: int, rng: torch.Generator) -> Tensor:
        return torch.randint(len(self._data(rng.device)[part]), (n,), generator=rng, device=rng.device)

    def _take(self, part: str, index_N: Tensor) -> Tensor:
        taken = images.take(self._data(index_N.device)[part], index_N)
        taken = taken.unsqueeze(1) if taken.dim() == 3 else taken.permute(0, 3, 1, 2)
        low, high = RANGES[self.pixels]
        return taken.to(precision_of(self)).div_(255 / (high - low)).add_(low)

    def _check_range(self) -> None:
        ends_of_generator = range_of(self.players["generator"], self.latent)
        low, high = RANGES[self.pixels]
        if ends_of_generator is not None and ends_of_generator != (low, high):
            right = [name for name, ends in RANGES.items() if ends == ends_of_generator]
            also = f", or play with --pixels {right[0]}" if right else ""
            raise SlotMismatch(
                f"the generator gives pixels in [{ends_of_generator[0]}, {ends_of_generator[1]}], but the images' are in [{low}, {high}]; "
                f"let it end in {FINALS[self.pixels]}{also}"
            )


@functools.cache
def codes_of(count: int, latent: int, device: torch.device) -> Tensor:
    """Return the fixed standard normal codes of `count` training images, the same in every run, (count, latent)."""
    # Not torch's generator: batches of many turns are drawn at once under vmap, which would make every turn's codes different.
    return torch.from_numpy(np.random.default_rng(0).standard_normal((count, latent), np.float32)).to(device)


def between(start_NZ: Tensor, end_NZ: Tensor, steps: int) -> Tensor:
    """Interpolate between noise vectors along the great circle, both ends included: N × steps × Z.

    z(t) = (sin((1 − t)ω) a + sin(tω) b) / sin ω, ω being the angle between a and b. A straight line would pass through vectors shorter
    than typical noise (T. White, "Sampling Generative Networks", arXiv:1609.04468).

    a and b are the start and the end of a path; `steps` is at least 2.

    Example:
        >>> between(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 3).shape
        torch.Size([1, 3, 2])
    """
    t_S1 = torch.linspace(0, 1, steps, dtype=start_NZ.dtype, device=start_NZ.device).unsqueeze(1)
    angle_N11 = torch.nn.functional.cosine_similarity(start_NZ, end_NZ).clamp(-1, 1).acos()[:, None, None]
    straight = angle_N11.sin() < 1e-3  # parallel vectors have no unique great circle
    sine = torch.where(straight, torch.ones_like(angle_N11), angle_N11.sin())
    before = torch.where(straight, 1 - t_S1, ((1 - t_S1) * angle_N11).sin() / sine)
    after = torch.where(straight, t_S1, (t_S1 * angle_N11).sin() / sine)
    return before * start_NZ[:, None] + after * end_NZ[:, None]


@torch.no_grad()
def range_of(generator: nn.Module, latent: int) -> tuple[int, int] | None:
    """Return the pixel range of a generator, [0, 1] or [−1, 1], found by a trial with noise a million times too large; else None.

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
        return None  # the range is larger, or the trial was inconclusive
    return (0, 1) if low >= 0 else (-1, 1)


def _shape_of(x: Tensor) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of images that are stored as (N, H, W) or (N, H, W, C)."""
    _, height, width, *channels = x.shape
    return (*(channels or [1]), height, width)  # type: ignore[return-value]


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
