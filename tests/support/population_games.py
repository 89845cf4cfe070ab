"""Small games of the families that populations must serve: a critic on regression, and domain adaptation with batch norm and dropout.

Layers before batch norm have no bias: its true gradient is zero, so that an adaptive optimizer would scale up nothing but rounding.

Shapes: N = batch.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from arena import Game, PlayerSource, Rng, Slot
from arena.games.data.planar import two_moons
from arena.players import MLP


class CriticRegression(Game):
    """y = ±1 given x: squared error, plus λ times what a critic of (x, y) thinks of the prediction."""

    def __init__(self, regressor: PlayerSource = MLP, critic: PlayerSource = MLP, noise: float = 0.1, batch: int = 16):
        super().__init__(regressor=Slot((1,), (1,), regressor), critic=Slot((2,), (1,), critic))
        self.noise, self.batch = noise, batch

    def sample(self, rng: Rng) -> tuple[Tensor, Tensor]:
        x_N1 = 2 * torch.rand(self.batch, 1, generator=rng) - 1
        side_N1 = torch.randint(2, (self.batch, 1), generator=rng) * 2.0 - 1
        return x_N1, side_N1 * (1 + x_N1) + self.noise * torch.randn(self.batch, 1, generator=rng)

    def losses(self, batch: tuple[Tensor, Tensor], coupling: float | Tensor, movers: tuple[str, ...]) -> dict[str, Tensor]:
        x_N1, y_N1 = batch
        critic, guess_N1 = self.players["critic"], self.players["regressor"](x_N1)
        fake, real = critic(torch.cat([x_N1, guess_N1], 1)), critic(torch.cat([x_N1, y_N1], 1))
        return {
            "regressor": (guess_N1 - y_N1).square().mean() + coupling * softplus(-fake).mean(),
            "critic": softplus(-real).mean() + softplus(fake).mean(),
        }

    def score(self) -> Tensor:
        x_N1 = torch.linspace(-1, 1, 32).unsqueeze(1).to(next(self.parameters()))
        return (self.players["regressor"](x_N1).abs() - 1 - x_N1).square().mean()


class Extractor(nn.Module):
    """Features of a point, and the logit of its class from them; batch norm and dropout on the way."""

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...], width: int = 8, rate: float = 0.25):
        super().__init__()
        self.features = nn.Sequential(
            nn.Linear(inputs[0], width, bias=False), nn.BatchNorm1d(width), nn.Tanh(), nn.Dropout(rate), nn.Linear(width, outputs[0] - 1)
        )
        self.label = nn.Linear(outputs[0] - 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x)
        return torch.cat([features, self.label(features)], 1)


class DomainClassifier(nn.Module):
    """The logit of being from the target, from features."""

    def __init__(self, inputs: tuple[int, ...], width: int = 8):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs[0], width, bias=False), nn.BatchNorm1d(width), nn.Tanh(), nn.Dropout(0.5), nn.Linear(width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class MoonsDANN(Game):
    """Moons against moons turned by an angle: the extractor classifies the source and hides the domain, at weight λ."""

    def __init__(self, extractor: PlayerSource = Extractor, domain: PlayerSource = DomainClassifier, angle: float = 0.6, batch: int = 12):
        super().__init__(extractor=Slot((2,), (4,), extractor), domain=Slot((3,), (1,), domain))
        self.angle, self.batch = angle, batch

    def sample(self, rng: Rng) -> tuple[Tensor, Tensor, Tensor]:
        source, target = two_moons(self.batch, rng, noise=0.1), two_moons(self.batch, rng, noise=0.1)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return source, (source[:, 1:] > 0).float(), target @ torch.tensor([[cos, sin], [-sin, cos]])

    def losses(self, batch: tuple[Tensor, Tensor, Tensor], coupling: float | Tensor, movers: tuple[str, ...]) -> dict[str, Tensor]:
        source, label_N1, target = batch
        both = self.players["extractor"](torch.cat([source, target]))
        n = len(source)
        domain = self.players["domain"](both[:, :-1])
        truth = torch.cat([torch.zeros_like(label_N1), torch.ones_like(label_N1)])
        told_apart = binary_cross_entropy_with_logits(domain, truth)
        return {
            "extractor": binary_cross_entropy_with_logits(both[:n, -1:], label_N1) - coupling * told_apart,
            "domain": told_apart,
        }

    def score(self) -> Tensor:
        return sum((p.square().sum() for p in self.parameters()), torch.zeros(())).sqrt()  # type: ignore[return-value]
