"""The image GANs by data set: fully connected pairs on MNIST and digits, convolutional ones on MNIST, Fashion-MNIST and CIFAR-10."""

from typing import Any, ClassVar

from arena.core.game import for_roles
from arena.core.slot import PlayerSource
from arena.games.gan.images import ImageGAN
from arena.players import ConvDiscriminator, ConvGenerator
from arena.registry.entries import register


@register("mnist")
class MNIST(ImageGAN):
    """The fully connected GAN on MNIST: generator 100-100-300-784, discriminator 784-300-100-1."""

    data_set = "mnist"
    shape = (1, 28, 28)
    recipe: ClassVar[dict[str, Any]] = {
        "turns": 24_000,  # of alternating moves: 20 epochs of 600 batches of 100
        "scheduler": "alternating",
        **for_roles("generator", "discriminator", lr=2e-4, betas=(0.5, 0.999), schedule="linear"),
        "score.every": 1200,
        "picture.every": 1200,
        "checkpoint.every": 2400,
    }


@register("digits")
class Digits(ImageGAN):
    """The fully connected GAN on scikit-learn's 8×8 digits, which need no download."""

    data_set = "digits"
    shape = (1, 8, 8)
    recipe: ClassVar[dict[str, Any]] = {**MNIST.recipe, "turns": 12_000, **for_roles("generator", "discriminator", lr=1e-3)}


class Convolutional(ImageGAN):
    """An image GAN with convolutional players (`arena.players.conv`), for images of 28 or 32 pixels, grey or coloured.

    Args:
        generator: Maps latent noise to an image.
        discriminator: Maps an image to one logit.
        latent: Size of the standard normal noise.
        batch: Images drawn per turn.
        settings: Settings of every image GAN; see `ImageGAN`.
    """

    recipe: ClassVar[dict[str, Any]] = {
        "turns": 18_720,  # of alternating moves: 20 epochs of 468 batches of 128 of MNIST
        "scheduler": "alternating",
        **for_roles("generator", "discriminator", lr=2e-4, betas=(0.5, 0.999)),
        "threads": 0,
        "channels_last": True,
        "score.every": 936,
        "picture.every": 936,
        "checkpoint.every": 936,
    }

    def __init__(
        self,
        generator: PlayerSource = ConvGenerator,
        discriminator: PlayerSource = ConvDiscriminator,
        latent: int = 128,
        batch: int = 128,
        **settings: Any,
    ):
        super().__init__(generator=generator, discriminator=discriminator, latent=latent, batch=batch, **settings)


@register("mnist-conv")
class MNISTConv(Convolutional):
    """The convolutional GAN on MNIST."""

    data_set = "mnist"
    shape = (1, 28, 28)


@register("fashion-mnist")
class FashionMNIST(Convolutional):
    """The convolutional GAN on Fashion-MNIST: ten kinds of clothing."""

    data_set = "fashion-mnist"
    shape = (1, 28, 28)


@register("cifar10")
class CIFAR10(Convolutional):
    """The convolutional GAN on CIFAR-10: photographs of ten kinds of things, 32×32 in colour."""

    data_set = "cifar10"
    shape = (3, 32, 32)


@register("cifar10-4k")
class CIFAR10Subset(Convolutional):
    """The convolutional GAN on a subset of CIFAR-10: its first 3,500 images, for quick trials only."""

    data_set = "cifar10-4k"
    shape = (3, 32, 32)


@register("gan")
class OwnImages(Convolutional):
    """The convolutional GAN on your own images: --data names a folder, a file or a published data set. Without it, 8×8 digits.

    The players are built for the shape of the images; sides that are no multiples of 4 are cut from the next larger picture.
    """

    data_set = "digits"
    shape = (1, 8, 8)
