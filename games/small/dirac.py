"""Dirac-GAN: the smallest GAN, on which the eigenvalues of a 2 × 2 matrix distinguish most training methods.

The data are a point mass at 0, the generator is a point θ, the discriminator is the line D(x) = ψx. With f(t) = log(1 + eᵗ), or
f(t) = t for Wasserstein, Gaussian noise of standard deviation σ on every example (ε standard normal), and a penalty P of weight γ:

    L_D(θ, ψ) = E f(−ψσε) + λ E f(ψ(θ + σε)) + (γ/2) P(ψ)                P(ψ) = ψ² for R1 and R2, (|ψ| − 1)² for WGAN-GP
    L_G(θ, ψ) = −λ E f(ψ(θ + σε)), or λ E f(−ψ(θ + σε)) if non-saturating

Without noise and penalty, the logistic field rotates around its equilibrium θ = ψ = 0. The saturating field preserves θ² + ψ². The
non-saturating field loses about (θψ)² of it per unit of time: θ² + ψ² = 8/t, slower than any exponential, and simultaneous steps of size
η, which push outwards, settle at θ² + ψ² = 2η.

L. Mescheder, A. Geiger and S. Nowozin, "Which Training Methods for GANs do actually Converge?", arXiv:1801.04406.

Shapes: K = quadrature nodes.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor

from arena.core.game import Game, for_roles
from arena.core.rng import Rng
from arena.core.slot import PlayerSource, Slot
from arena.errors import check_choice, check_number
from arena.games.gan.losses import LOSS_PAIRS
from arena.players import Vector
from arena.registry.entries import register

LOSSES = {name: LOSS_PAIRS[name] for name in ("non-saturating", "saturating", "wasserstein")}
"""The losses with equilibrium θ = ψ = 0. (The relativistic loss equals the logistic one here, because D(x) = 0 at the data.)"""

PENALTIES: dict[str, Callable[[Tensor], Tensor]] = {
    "none": torch.zeros_like,
    "r1": torch.square,
    "r2": torch.square,
    "wgan-gp": lambda slope: (slope.abs() - 1).square(),
}
"""Penalties of the discriminator's slope ψ. R1 and R2 agree because the slope is the same at data and fakes."""

NODES = 128
"""Gauss–Hermite nodes: the logistic losses and their gradients are exact to 1e-9 for |ψ|σ ≤ 3, to 1e-5 at 6."""


@register("dirac")
class Dirac(Game):
    """The Dirac-GAN: a generator that is one point against a linear discriminator, D(x) = ψx.

    For weight clipping, set `discriminator.bound`.

    Args:
        generator: θ, one number.
        discriminator: ψ, one number.
        loss: Loss of both players; see `arena.games.gan.losses`.
        penalty: Penalty of the discriminator's gradient: r1 at the data, r2 at the fakes, wgan-gp for a norm of 1.
        gamma: γ, weight of the penalty, (γ/2)·E‖∇D‖² or (γ/2)·(‖∇D‖ − 1)²; at least 0.
        instance_noise: σ, standard deviation of the noise on real and generated examples, at least 0; its expectation is exact.

    Raises:
        BadSetting: A number is out of its range.
        UnknownName: The loss or penalty is unknown.
        SlotMismatch: A player does not fit.

    Example:
        >>> game = Dirac(Vector(1, start=0.0), Vector(1, start=0.0), penalty="wgan-gp", gamma=2.0)
        >>> {role: round(loss.item(), 4) for role, loss in game(None, 1.0, game.keys).items()}
        {'generator': 0.6931, 'discriminator': 2.3863}
    """

    nodes: Tensor
    weights: Tensor
    solved_at = 1e-6
    score_is = "distance to the equilibrium"
    recipe = {
        "turns": 500,
        **for_roles("generator", "discriminator", optimizer="sgd"),
        "trace.every": 10,
        "score.every": 10,
        "picture.every": 0,
    }

    def __init__(
        self,
        generator: PlayerSource = Vector,
        discriminator: PlayerSource = Vector,
        loss: Literal["non-saturating", "saturating", "wasserstein"] = "non-saturating",
        penalty: Literal["none", "r1", "r2", "wgan-gp"] = "none",
        gamma: float = 1.0,
        instance_noise: float = 0.0,
    ):
        check_choice("loss", loss, LOSSES)
        check_choice("penalty", penalty, PENALTIES)
        check_number("gamma", gamma, least=0)
        check_number("instance_noise", instance_noise, least=0)
        super().__init__(generator=Slot(None, (1,), generator), discriminator=Slot(None, (1,), discriminator))
        self.loss, self.penalty, self.gamma, self.instance_noise = loss, penalty, gamma, instance_noise
        nodes, weights = hermegauss(NODES if instance_noise else 1)
        self.constant("nodes", instance_noise * nodes)
        self.constant("weights", weights / math.sqrt(2 * math.pi))

    def sample(self, rng: Rng) -> None:
        return None  # expectations are exact

    def losses(self, batch: None, coupling: float | Tensor, movers: Any) -> dict[str, Tensor]:
        theta, psi = self.players["generator"](), self.players["discriminator"]()
        pair = LOSSES[self.loss]
        on_real_K, on_fake_K = psi * self.nodes, psi * (theta + self.nodes)
        penalty = self.gamma / 2 * PENALTIES[self.penalty](psi).sum()
        return {
            "generator": pair.generator(on_fake_K, coupling, self.weights),
            "discriminator": pair.discriminator(on_real_K, on_fake_K, coupling, self.weights) + penalty,
        }

    def score(self) -> Tensor:
        """Return the distance to the equilibrium, ‖(θ, ψ)‖."""
        return torch.cat([p() for p in self.players.values()]).norm()

    def solution(self) -> dict[str, Tensor] | None:
        """Return θ = ψ = 0; None for WGAN-GP, which pushes ψ away from 0 on both sides and has no gradient there."""
        if self.penalty == "wgan-gp":
            return None
        return {name: torch.zeros_like(p) for name, p in self.named_parameters()}

    def picture(self) -> Any:
        """Draw the players in the vector field."""
        from arena.plots.vector_field import arrows

        return arrows(self)
