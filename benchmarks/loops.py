"""The loops that a user would write by hand, as in the practicals: zero_grad, backward, step. What the arena is measured against.

Nothing here uses the arena, except the distribution that both sample from.
"""

from collections.abc import Iterator
from itertools import cycle

import torch
from torch import nn
from torch.utils.data import DataLoader

from games.data.planar import swiss_roll

Round = Iterator[None]
"""Each `next` plays one round: the discriminator moves once, then the generator once."""


def planar_gan(batch: int, width: int = 128, latent: int = 2) -> Round:
    """The swiss-roll GAN of 2-width-width-2 nets with the default Adam."""
    generator = _mlp(latent, width, 2)
    discriminator = _mlp(2, width, 1)

    def data() -> Iterator[torch.Tensor]:
        rng = torch.Generator(device=torch.empty(0).device).manual_seed(0)  # on the default device, whichever that is
        while True:
            yield swiss_roll(batch, rng)

    return _alternate(generator, discriminator, data(), batch, latent, lr=1e-3, betas=(0.5, 0.9))


def image_gan(root: str, batch: int = 100, latent: int = 100) -> Round:
    """The fully connected MNIST GAN over torchvision's data set and the usual DataLoader."""
    generator = nn.Sequential(
        nn.Linear(latent, 100), nn.LeakyReLU(0.2), nn.Linear(100, 300), nn.LeakyReLU(0.2), nn.Linear(300, 784), nn.Tanh()
    )
    discriminator = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.LeakyReLU(0.2), nn.Linear(300, 100), nn.LeakyReLU(0.2), nn.Linear(100, 1)
    )
    return _alternate(generator, discriminator, _mnist(root, batch), batch, latent, lr=2e-4, betas=(0.5, 0.999))


def convolutional_gan(root: str, batch: int = 128, latent: int = 128) -> Round:
    """The convolutional MNIST GAN over the same."""
    generator = nn.Sequential(
        nn.Linear(latent, 128 * 7 * 7),
        nn.ReLU(),
        nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(128, 256, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(256 * 3 * 3, 1),
    )
    return _alternate(generator, discriminator, _mnist(root, batch), batch, latent, lr=2e-4, betas=(0.5, 0.999))


def _mnist(root: str, batch: int) -> Iterator[torch.Tensor]:
    from torchvision import transforms
    from torchvision.datasets import MNIST

    pixels = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    loader = DataLoader(MNIST(root, transform=pixels), batch_size=batch, shuffle=True, drop_last=True)
    return (images for _ in cycle([0]) for images, _ in loader)


def _mlp(inputs: int, width: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, outputs))


def _alternate(
    generator: nn.Module,
    discriminator: nn.Module,
    data: Iterator[torch.Tensor],
    batch: int,
    latent: int,
    lr: float,
    betas: tuple[float, float],
) -> Round:
    loss = nn.BCEWithLogitsLoss()
    generator_optimizer = torch.optim.Adam(generator.parameters(), lr=lr, betas=betas)
    discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), lr=lr, betas=betas)
    ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)
    while True:
        real = next(data)
        discriminator_optimizer.zero_grad()
        fake = generator(torch.randn(batch, latent)).view_as(real)
        discriminator_loss = loss(discriminator(real), ones) + loss(discriminator(fake.detach()), zeros)
        discriminator_loss.backward()
        discriminator_optimizer.step()

        generator_optimizer.zero_grad()
        fake = generator(torch.randn(batch, latent)).view_as(real)
        generator_loss = loss(discriminator(fake), ones)
        generator_loss.backward()
        generator_optimizer.step()
        yield
