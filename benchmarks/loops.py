"""The loops that a user would write by hand, as in the practicals: zero_grad, backward, step. What the arena is measured against.

Nothing here uses the arena, except the distribution that both sample from.
"""

from collections.abc import Iterator
from itertools import cycle

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from games.data.planar import swiss_roll

Round = Iterator[None]
"""Each `next` plays one round: the discriminator (or attacker) moves once, then the generator (or classifier) once."""


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
    from torchvision import transforms
    from torchvision.datasets import MNIST

    generator = nn.Sequential(
        nn.Linear(latent, 100), nn.LeakyReLU(0.2), nn.Linear(100, 300), nn.LeakyReLU(0.2), nn.Linear(300, 784), nn.Tanh()
    )
    discriminator = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.LeakyReLU(0.2), nn.Linear(300, 100), nn.LeakyReLU(0.2), nn.Linear(100, 1)
    )
    pixels = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    loader = DataLoader(MNIST(root, transform=pixels), batch_size=batch, shuffle=True, drop_last=True)
    data = (images for _ in cycle([0]) for images, _ in loader)
    return _alternate(generator, discriminator, data, batch, latent, lr=2e-4, betas=(0.5, 0.999))


def fast_adversarial(root: str, batch: int = 100, *, on_device: bool = False, epsilon: float = 0.3, alpha: float = 0.375) -> Round:
    """Adversarial training as in the published code of E. Wong et al., arXiv:2001.03994: FGSM from a random start, then a step of Adam.

    Args:
        root: of torchvision's data set.
        batch: images in a batch.
        on_device: index one tensor of all images, which the published code does not do, rather than a DataLoader.
        epsilon: radius of the L∞ ball.
        alpha: length of the attack's step.
    """
    from torchvision import transforms
    from torchvision.datasets import MNIST

    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 4, stride=2, padding=1), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(32 * 7 * 7, 100), nn.ReLU(), nn.Linear(100, 10)),
    )
    model.train()
    data = MNIST(root, transform=transforms.ToTensor())
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        if on_device:
            images, labels = data.data[:, None].float() / 255, data.targets
            while True:
                for index in torch.randperm(len(images)).split(batch):
                    yield images[index], labels[index]
        loader = DataLoader(data, batch_size=batch, shuffle=True)
        while True:
            yield from loader

    for x, y in batches():
        delta = torch.zeros_like(x).uniform_(-epsilon, epsilon)
        delta.requires_grad = True
        loss = functional.cross_entropy(model(x + delta), y)
        loss.backward()
        gradient = delta.grad.detach()  # type: ignore[union-attr]
        delta.data = torch.clamp(delta + alpha * torch.sign(gradient), -epsilon, epsilon)
        delta.data = torch.max(torch.min(1 - x, delta.data), 0 - x)
        delta = delta.detach()
        loss = functional.cross_entropy(model(torch.clamp(x + delta, 0, 1)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield


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
