"""Games that update rules are checked on: quadratic games with a random Jacobian, and two small nets."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from arena.core.game import Game
from arena.core.rng import Rng, global_streams
from arena.engine.env import Arena
from arena.optimizers.factories import OptimizerFactory, adam, adamw, rmsprop, sgd
from arena.rules.base import UpdateRule

BOTH = (1.0, 1.0, 1.0)
SPLIT, SIZE = 2, 5
RATES = ((0.1, 0.1), (0.3, 0.3), (0.1, 0.03))
OPTIMIZERS: dict[str, OptimizerFactory] = {
    "SGD": functools.partial(sgd, lr=0.02),
    "SGD with momentum": functools.partial(sgd, lr=0.01, momentum=0.9),
    "RMSprop": functools.partial(rmsprop, lr=0.002),
    "Adam": functools.partial(adam, lr=0.002),
    "AdamW": functools.partial(adamw, lr=0.002),
}
Build = Callable[[], UpdateRule]


class Numbers(nn.Module):
    def __init__(self, count: int):
        super().__init__()
        self.value = nn.Parameter(torch.randn(count))

    def forward(self) -> Tensor:
        return self.value


class Linear(Game):
    """The field v = Jz of two quadratic losses."""

    def __init__(self, jacobian: Tensor):
        super().__init__(first=Numbers(SPLIT), second=Numbers(SIZE - SPLIT))
        self.register_buffer("jacobian", jacobian)

    def sample(self, rng: Rng) -> None:
        return None

    def losses(self, batch: Any, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        j = self.jacobian
        assert isinstance(j, Tensor)
        x, y = (self.players[role]() for role in self.roles)
        n = SPLIT
        first = x @ j[:n, :n] @ x / 2 + coupling * (x @ j[:n, n:] @ y)
        return {"first": first, "second": y @ j[n:, n:] @ y / 2 + coupling * (y @ j[n:, :n] @ x)}

    def score(self) -> Tensor:
        return torch.stack([p.norm() for p in self.parameters()]).norm()


class Nets(Game):
    """A generator of numbers against a critic of N(2, 1): two small smooth nets."""

    def __init__(self) -> None:
        super().__init__(first=_small_net(), second=_small_net())

    def sample(self, rng: Rng) -> tuple[Tensor, Tensor]:
        return 2 + torch.randn(16, 1, generator=rng), torch.randn(16, 1, generator=rng.noise)

    def losses(self, batch: Any, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        real, noise = batch
        generator, critic = (self.players[role] for role in self.roles)
        on_fake = critic(generator(noise))
        second = nn.functional.softplus(-critic(real)).mean() + coupling * nn.functional.softplus(on_fake).mean()
        return {"first": coupling * nn.functional.softplus(-on_fake).mean(), "second": second}

    def score(self) -> Tensor:
        return torch.zeros(())


def _small_net() -> nn.Module:
    return nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))


def jacobian(seed: int) -> Tensor:
    """Draw a J with symmetric diagonal blocks, as second derivatives are."""
    j = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for block in (slice(0, SPLIT), slice(SPLIT, None)):
        j[block, block] = (j[block, block] + j[block, block].T) / 2
    return j


def arena_of(game: Callable[[], Game], rule: UpdateRule, optimizers: dict[str, OptimizerFactory]) -> Arena:
    return Arena(game, rule=rule, optimizers=optimizers, dtype=torch.float64)


def quadratics(build: Build, optimizer: OptimizerFactory | None = None) -> Iterator[tuple[Arena, dict[str, Any]]]:
    """Yield arenas of quadratic games with the rule, each with its J, split and rates."""
    for seed in range(3):
        for rates in RATES:
            j = jacobian(seed)
            factories = {r: optimizer or functools.partial(sgd, lr=rate) for r, rate in zip(("first", "second"), rates, strict=True)}
            arena = arena_of(functools.partial(Linear, j), build(), factories)
            with global_streams(seed=seed), torch.no_grad():  # drawn in double precision, so that nothing is rounded
                for p in arena.game.parameters():
                    p.normal_()
            yield arena, {"jacobian": j, "split": SPLIT, "rates": rates}


def position(arena: Arena) -> Tensor:
    return torch.cat([p.detach().flatten() for p in arena.game.parameters()]).clone()


def tolerance(rule: UpdateRule) -> float:
    """Return the allowed error of a rule with a solver."""
    return 10 * float(getattr(rule, "tolerance", 0.0))
