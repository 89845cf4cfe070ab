"""Loops as a user would write them by hand, as in the practicals: zero_grad, backward, step. The arena is measured against them.

They use nothing of the arena but the distributions that both sample from.
"""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from arena.games.data.domains import rotate
from arena.games.data.planar import labelled_moons, ring, swiss_roll

Round = Iterator[Any]
"""Each `next` plays one round, and gives the players' losses where a benchmark reads them. The discriminator (or attacker) moves once, then
the generator (or classifier) once; in domain adaptation, and under the rules of the ring, both move at the same time."""


def planar_gan(batch: int, width: int = 128, latent: int = 2, compiled: bool = False) -> Round:
    """The swiss-roll GAN of 2-width-width-2 nets with the default Adam; with `compiled`, both nets under `torch.compile`."""
    generator, discriminator = _mlp(latent, width, 2), _mlp(2, width, 1)
    if compiled:
        generator, discriminator = torch.compile(generator), torch.compile(discriminator)  # type: ignore[assignment]

    def data() -> Iterator[torch.Tensor]:
        rng = torch.Generator(device=torch.empty(0).device).manual_seed(0)  # on the default device
        while True:
            yield swiss_roll(batch, rng)

    return _alternate(generator, discriminator, data(), batch, latent, lr=1e-3, betas=(0.5, 0.9))


def image_gan(root: str, batch: int = 100, latent: int = 100, compiled: bool = False) -> Round:
    """The fully connected MNIST GAN over torchvision's data set and the usual DataLoader; with `compiled`, nets under `torch.compile`."""
    generator = nn.Sequential(
        nn.Linear(latent, 100), nn.LeakyReLU(0.2), nn.Linear(100, 300), nn.LeakyReLU(0.2), nn.Linear(300, 784), nn.Tanh()
    )
    discriminator = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 300), nn.LeakyReLU(0.2), nn.Linear(300, 100), nn.LeakyReLU(0.2), nn.Linear(100, 1)
    )
    if compiled:
        generator, discriminator = torch.compile(generator), torch.compile(discriminator)  # type: ignore[assignment]
    return _alternate(generator, discriminator, _mnist(root, batch), batch, latent, lr=2e-4, betas=(0.5, 0.999))


def ring_by(rule: str, batch: int = 256, width: int = 128, compiled: bool = False) -> Round:
    """The ring GAN by hand, both players moving at once with Adam: along the field at the look-ahead, or v + Jᵀv.

    Args:
        rule: extragradient or consensus.
        batch: Points drawn per round.
        width: Width of both nets' hidden layers.
        compiled: Whether both nets run under `torch.compile`, which has no second derivatives.
    """
    players: dict[str, Any] = {"generator": _mlp(2, width, 2), "discriminator": _mlp(2, width, 1)}
    generator, discriminator = (torch.compile(p) for p in players.values()) if compiled else players.values()
    optimizers = {role: torch.optim.Adam(p.parameters(), lr=1e-3, betas=(0.5, 0.9)) for role, p in players.items()}
    everything = [p for player in players.values() for p in player.parameters()]
    loss, ones, zeros = nn.BCEWithLogitsLoss(), torch.ones(batch, 1), torch.zeros(batch, 1)
    rng = torch.Generator().manual_seed(0)

    def field(real: torch.Tensor, noise: torch.Tensor, graph: bool = False) -> tuple[dict[str, torch.Tensor], list[torch.Tensor]]:
        fake = generator(noise)
        of_fake = discriminator(fake)
        losses = {"generator": loss(of_fake, ones), "discriminator": loss(discriminator(real), ones) + loss(of_fake, zeros)}
        gradients: list[torch.Tensor] = []
        for role, value in losses.items():
            gradients += torch.autograd.grad(value, [*players[role].parameters()], create_graph=graph, retain_graph=True)
        return {role: value.detach() for role, value in losses.items()}, gradients

    def step(direction: list[torch.Tensor]) -> None:
        for p, d in zip(everything, direction, strict=True):
            p.grad = d.detach()
        for optimizer in optimizers.values():
            optimizer.step()

    while True:
        real, noise = ring(batch, rng), torch.randn(batch, 2)
        if rule == "extragradient":
            start = [p.detach().clone() for p in everything]
            losses, v = field(real, noise)
            step(v)
            _, ahead = field(real, noise)
            with torch.no_grad():
                for p, before in zip(everything, start, strict=True):
                    p.copy_(before)
            step(ahead)
        else:
            losses, v = field(real, noise, graph=True)
            pulled = torch.autograd.grad(v, everything, [d.detach() for d in v])
            step([d + p for d, p in zip(v, pulled, strict=True)])
        yield losses


def convolutional_gan(root: str, batch: int = 128, latent: int = 128) -> Round:
    """The convolutional MNIST GAN over the same DataLoader."""
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


def dann(folder: str, batch: int = 64) -> Round:
    """DANN from MNIST to USPS as in published loops: a DataLoader for each domain, a reversal layer, one backward pass, one SGD."""
    import numpy as np
    from PIL import Image
    from torchvision import transforms

    class Digits(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __init__(self, name: str, transform: Any):
            with np.load(f"{folder}/{name}.npz") as held:
                self.images, self.labels, self.transform = held["x_train"], held["y_train"].astype(int), transform

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return self.transform(Image.fromarray(self.images[index], mode="L")), self.labels[index]

    class Reversal(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor, coupling: float) -> torch.Tensor:
            ctx.coupling = coupling
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> Any:
            return -ctx.coupling * gradient, None

    pixels = [transforms.ToTensor(), transforms.Normalize(0.5, 1.0)]
    sets = Digits("mnist", transforms.Compose(pixels)), Digits("usps", transforms.Compose([transforms.Resize(28), *pixels]))
    data = [(b for _ in cycle([0]) for b in DataLoader(s, batch_size=batch, shuffle=True, drop_last=True)) for s in sets]
    features, label, domain = _lenet(), nn.Linear(500, 10), _domain_net()
    parameters = [*features.parameters(), *label.parameters(), *domain.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4)
    label_loss, domain_loss = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()
    zeros, ones = torch.zeros(batch, 1), torch.ones(batch, 1)
    while True:
        (source, labels), (target, _) = next(data[0]), next(data[1])
        optimizer.zero_grad()
        of_source, of_target = features(source), features(target)
        apart = domain_loss(domain(Reversal.apply(of_source, 0.5)), zeros) + domain_loss(domain(Reversal.apply(of_target, 0.5)), ones)
        (label_loss(label(of_source), labels) + apart / 2).backward()
        optimizer.step()
        yield


def _lenet() -> nn.Module:
    convolutions = [nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(20, 50, 5), nn.Dropout2d(0.5), nn.MaxPool2d(2), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Dropout(0.5))


def _domain_net() -> nn.Module:
    hidden = [layer for _ in range(2) for layer in (nn.Linear(500, 500), nn.ReLU(), nn.Dropout(0.5))]
    return nn.Sequential(*hidden, nn.Linear(500, 1))


def moons_dann(batch: int = 64, angle: float = 35.0, compiled: bool = False) -> Round:
    """DANN on the moons by hand: the same nets and points, one backward pass, one Adam."""
    features = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
    label, domain = nn.Linear(64, 2), nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
    if compiled:
        features, label, domain = (torch.compile(net) for net in (features, label, domain))  # type: ignore[assignment]
    optimizer = torch.optim.Adam([*features.parameters(), *label.parameters(), *domain.parameters()], lr=1e-3)
    label_loss, domain_loss = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()
    zeros, ones = torch.zeros(batch, 1), torch.ones(batch, 1)
    rng = torch.Generator().manual_seed(0)
    while True:
        (source, labels), (target, _) = labelled_moons(batch, rng), labelled_moons(batch, rng)
        target = rotate(target, angle)
        optimizer.zero_grad()
        of_source, of_target = features(source), features(target)
        turned = of_source - 1.5 * (of_source - of_source.detach()), of_target - 1.5 * (of_target - of_target.detach())
        apart = domain_loss(domain(turned[0]), zeros) + domain_loss(domain(turned[1]), ones)
        of_labels = label_loss(label(of_source), labels)
        (of_labels + apart / 2).backward()
        optimizer.step()
        yield {"label": of_labels.detach(), "domain": apart.detach() / 2}


def fast_adversarial(root: str, batch: int = 100, *, on_device: bool = False, epsilon: float = 0.3, alpha: float = 0.375) -> Round:
    """Adversarial training as in the published code of E. Wong et al., arXiv:2001.03994: FGSM from a random start, then a step of Adam.

    `root` is the folder of torchvision's data set, `epsilon` the radius of the L∞ ball and `alpha` the length of the attack's step. With
    `on_device`, one tensor of all images is indexed instead of a DataLoader, unlike in the published code.
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
        yield {"generator": generator_loss.detach(), "discriminator": discriminator_loss.detach()}
