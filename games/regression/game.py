"""Regression against a critic: the least squared error lies between the branches of the data, and the critic penalises that.

A regressor f predicts y from x; a critic gives the logit d(x, y) of a pair being data. With softplus(t) = log(1 + eᵗ):

    L_R = E‖f(x) − y‖² + λ E softplus(−d(x, f(x)))                regressor: squared error, and the critic's penalty
    L_C = E softplus(−d(x, y)) + [λ > 0] E softplus(d(x, f(x)))   critic: data against predictions

The critic's loss is not scaled by λ, as in conditional GANs that add an error to the adversarial loss (P. Isola et al., "Image-to-Image
Translation with Conditional Adversarial Networks", arXiv:1611.07004, section 3.1). At λ = 0 the critic is trained on data only, and the
regressor minimises its squared error alone: f(x) = E[y | x], which is empty space if y | x has two branches.

A pair (x, y) lies in the empty region if y is farther than 3σ from every branch at x, σ being the standard deviation of the data around
their branch.

A regressor without input noise (`latent` 0) can follow only one branch at each x. Because it is continuous, it crosses the empty region
wherever it changes branches; with noise it can follow several.

Shapes: N = batch, D = numbers in y, Z = numbers in the regressor's noise; x is one number.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from arena.core.game import Game, for_roles
from arena.core.rng import Rng
from arena.core.slot import PlayerSource, Slot
from arena.errors import check_number
from arena.games.gan.losses import logistic_discriminator, non_saturating
from arena.players import MLP
from arena.players.base import precision_of
from arena.registry.entries import register

Triple = tuple[Tensor, Tensor, Tensor]
"""x (N, 1) and y (N, D) of the data, and the regressor's noise (N, Z)."""


class CriticRegression(Game):
    """A regressor against a critic of the pairs (x, y).

    A subclass defines the data by `branch(x, rng)`, a noiseless y for each x, and `distance(x, y)`, the distance of y to the nearest
    branch. x is uniform on [−1, 1].

    Args:
        regressor: Maps x, and noise if `latent` > 0, to y.
        critic: Maps x and y to one logit.
        noise: σ, standard deviation of the data around their branch, above 0.
        latent: Numbers of standard normal noise that the regressor gets beside x, at least 0.
        batch: Pairs drawn per turn, at least 1.

    Raises:
        BadSetting: A number is out of its range.
        SlotMismatch: A player does not fit its role.
    """

    dim: int
    """D."""
    reach: float = 3.0
    """Distance from every branch at which the empty region begins, in σ."""
    scored: ClassVar[int] = 2048
    """Held-out pairs of the score."""
    recipe: ClassVar[dict[str, Any]] = {
        "turns": 4000,
        "coupling": 0.2,
        **for_roles("regressor", "critic", lr=1e-3, betas=(0.5, 0.9), schedule="linear"),
    }

    score_is = "distance to the nearest branch"

    def __init__(
        self,
        regressor: PlayerSource = functools.partial(MLP, hidden=(64, 64)),
        critic: PlayerSource = functools.partial(MLP, hidden=(64, 64)),
        noise: float = 0.1,
        latent: int = 0,
        batch: int = 128,
    ):
        check_number("noise", noise, above=0)
        check_number("latent", latent, least=0, whole=True)
        check_number("batch", batch, least=1, whole=True)
        super().__init__(regressor=Slot((1 + latent,), (self.dim,), regressor), critic=Slot((1 + self.dim,), (1,), critic))
        self.noise, self.latent, self.batch = noise, latent, batch

    # The data ---------------------------------------------------------------------------------------------------------------

    def branch(self, x_N1: Tensor, rng: torch.Generator) -> Tensor:
        """Draw a noiseless y for each x, (N, D)."""
        raise TypeError(f"{type(self).__name__} has no branches. Fix: write def branch(self, x_N1, rng)")

    def distance(self, x_N1: Tensor, y_ND: Tensor) -> Tensor:
        """Return the distance of each y to the nearest branch at its x, (N,)."""
        raise TypeError(f"{type(self).__name__} has no distance to its branches. Fix: write def distance(self, x_N1, y_ND)")

    def pairs(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw n pairs of the data."""
        x_N1 = 2 * torch.rand(n, 1, generator=rng).to(precision_of(self)) - 1
        return x_N1, self.branch(x_N1, rng) + self.noise * torch.randn(n, self.dim, generator=rng).to(x_N1)

    def empty(self, x_N1: Tensor, y_ND: Tensor) -> Tensor:
        """Return the share of the pairs in the empty region: farther than `reach`·σ from every branch at their x."""
        return (self.distance(x_N1, y_ND) > self.reach * self.noise).to(y_ND).mean()

    # The game ---------------------------------------------------------------------------------------------------------------

    def sample(self, rng: Rng) -> Triple:
        return *self.pairs(self.batch, rng), torch.randn(self.batch, self.latent, generator=rng.noise)

    def predict(self, x_N1: Tensor, noise_NZ: Tensor) -> Tensor:
        """Return f(x), (N, D)."""
        return self.players["regressor"](torch.cat([x_N1, noise_NZ], 1))

    def judge(self, x_N1: Tensor, y_ND: Tensor) -> Tensor:
        """Return d(x, y), (N, 1)."""
        return self.players["critic"](torch.cat([x_N1, y_ND], 1))

    def losses(self, batch: Triple, coupling: float | Tensor, movers: Sequence[str]) -> dict[str, Tensor]:
        x_N1, y_ND, noise_NZ = batch
        answer_ND = self.predict(x_N1, noise_NZ)
        on_answer_N1 = self.judge(x_N1, answer_ND)
        losses = {}
        if "regressor" in movers:
            losses["regressor"] = squared_error(answer_ND, y_ND) + non_saturating(on_answer_N1, coupling)
        if "critic" in movers:
            losses["critic"] = logistic_discriminator(self.judge(x_N1, y_ND), on_answer_N1, coupling > 0)
        return losses

    def signals(self, batch: Triple) -> dict[str, Tensor]:
        """empty, error, D(x,y) and D(x,f(x)).

        `empty` is the share of predictions in the empty region, `error` their mean squared error. D(x,y) and D(x,f(x)) are the critic's
        mean probabilities that data and predictions are data; without coupling both approach 1.
        """
        x_N1, y_ND, noise_NZ = batch
        answer_ND = self.predict(x_N1, noise_NZ)
        return {
            "empty": self.empty(x_N1, answer_ND),
            "error": squared_error(answer_ND, y_ND),
            "D(x,y)": self.judge(x_N1, y_ND).sigmoid().mean(),
            "D(x,f(x))": self.judge(x_N1, answer_ND).sigmoid().mean(),
        }

    def held_out(self, n: int) -> Triple:
        """Return n fixed pairs outside of all batches, and noise, in the players' precision."""
        like = next(self.players["regressor"].parameters(), torch.empty(()))
        rng = torch.Generator(device=torch.empty(0).device).manual_seed(1_000_003)
        x_N1, y_ND = self.pairs(n, rng)
        return x_N1.to(like), y_ND.to(like), torch.randn(n, self.latent, generator=rng).to(like)

    def score(self) -> Tensor:
        """Mean distance of the predictions for held-out x to the nearest branch."""
        x_N1, _, noise_NZ = self.held_out(self.scored)
        return self.distance(x_N1, self.predict(x_N1, noise_NZ)).mean()

    def ceiling(self) -> float:
        """Score of held-out y, 0.8σ in one dimension; a regressor in the middle of its branch scores less."""
        x_N1, y_ND, _ = self.held_out(16 * self.scored)
        return float(self.distance(x_N1, y_ND).mean())

    def metrics(self) -> dict[str, float | Tensor]:
        """empty and error of the predictions for held-out x, as in `signals`."""
        x_N1, y_ND, noise_NZ = self.held_out(self.scored)
        answer_ND = self.predict(x_N1, noise_NZ)
        return {"empty": self.empty(x_N1, answer_ND), "error": squared_error(answer_ND, y_ND)}

    def metric_ceilings(self) -> dict[str, float]:
        """Share of held-out y in the empty region: P(|N(0, 1)| > 3) = 0.27 % in one dimension, less near a meeting of branches."""
        x_N1, y_ND, _ = self.held_out(16 * self.scored)
        return {"empty": float(self.empty(x_N1, y_ND))}

    def picture(self) -> Any:
        """Data, predictions, the empty region, and the critic's surface."""
        from arena.games.regression.pictures import draw

        return draw([self])


def squared_error(answer_ND: Tensor, y_ND: Tensor) -> Tensor:
    """Return E‖f(x) − y‖², summed over the numbers of y."""
    return (answer_ND - y_ND).square().sum(1).mean()


@register("regression")
class Regression(CriticRegression):
    """Regression of data on a ring, y = ±√(1 − x²): squared error alone predicts the empty centre, y = 0."""

    dim = 1

    def branch(self, x_N1: Tensor, rng: torch.Generator) -> Tensor:
        side_N1 = 2 * torch.randint(2, x_N1.shape, generator=rng) - 1
        return side_N1 * _half_ring(x_N1)

    def distance(self, x_N1: Tensor, y_ND: Tensor) -> Tensor:
        return (y_ND.abs() - _half_ring(x_N1)).abs()[:, 0]


@register("regression-gap")
class RegressionGap(CriticRegression):
    """Regression across a gap: y = 1 with probability ½ + x clamped to [0, 1], else −1. Squared error alone slopes through the gap."""

    dim = 1
    recipe = {**CriticRegression.recipe, "coupling": 1.0}

    def branch(self, x_N1: Tensor, rng: torch.Generator) -> Tensor:
        return torch.where(torch.rand(x_N1.shape, generator=rng) < 0.5 + x_N1, 1.0, -1.0).to(x_N1)

    def distance(self, x_N1: Tensor, y_ND: Tensor) -> Tensor:
        above, below = (y_ND - 1).abs(), (y_ND + 1).abs()
        either = torch.minimum(above, below)
        return torch.where(x_N1 >= 0.5, above, torch.where(x_N1 <= -0.5, below, either))[:, 0]


@register("regression-2d")
class Regression2D(CriticRegression):
    """Regression of points in the plane on two opposite arcs of the unit circle that turn with x: the mean is the empty centre.

    The arcs reach 60° to either side of the angles πx/2 and πx/2 + π.
    """

    dim = 2
    recipe = {**CriticRegression.recipe, "coupling": 0.05}
    opening: ClassVar[float] = math.pi / 3
    """Half the angle of an arc."""

    def branch(self, x_N1: Tensor, rng: torch.Generator) -> Tensor:
        side_N1 = torch.randint(2, x_N1.shape, generator=rng)
        angle_N1 = math.pi * (x_N1 / 2 + side_N1) + self.opening * (2 * torch.rand(x_N1.shape, generator=rng).to(x_N1) - 1)
        return torch.cat([angle_N1.cos(), angle_N1.sin()], 1)

    def distance(self, x_N1: Tensor, y_ND: Tensor) -> Tensor:
        turn_N = math.pi / 2 * x_N1[:, 0]
        cos, sin = turn_N.cos(), turn_N.sin()
        # Turned back by πx/2 and folded into the first quadrant, both arcs are one, from the angle 0 to `opening`.
        along_N, across_N = (cos * y_ND[:, 0] + sin * y_ND[:, 1]).abs(), (cos * y_ND[:, 1] - sin * y_ND[:, 0]).abs()
        nearest_N = torch.atan2(across_N, along_N).clamp(max=self.opening)
        return torch.hypot(along_N - nearest_N.cos(), across_N - nearest_N.sin())


def _half_ring(x_N1: Tensor) -> Tensor:
    return (1 - x_N1.square()).sqrt()
