"""Penalties on the slope of a discriminator, all in one convention: half the weight γ, and the norm over ALL numbers of an example.

    R1         (γ/2) E ‖∇d(x)‖²                     at the data
    R2         (γ/2) λ E ‖∇d(G(z))‖²                at generated examples
    0-GP       (γ/2) λ E ‖∇d(x̂)‖²                   between the two, x̂ = u x + (1 − u) G(z) with u uniform on [0, 1]
    WGAN-GP    (γ/2) λ E (‖∇d(x̂)‖ − 1)²             at the same points
    DRAGAN     (γ/2) E (‖∇d(x + δ)‖ − 1)²           around the data, δ = ½ a sd(x) v with a uniform for each example, v for each number

with d(x) the discriminator's logit and ∇ its gradient in the example. Papers that write the weight without the half mean another γ: the
10 of WGAN-GP and DRAGAN is γ = 20 here, the 10 of R1 is γ = 10. What looks at generated examples is felt at the coupling λ, so that at
λ = 0 the players ignore each other.

R1, R2: L. Mescheder et al., arXiv:1801.04406, section 4.1; 0-GP: H. Thanh-Tung et al., arXiv:1902.03984; WGAN-GP: I. Gulrajani et al.,
arXiv:1704.00028; DRAGAN: N. Kodali et al., arXiv:1705.07215, with the perturbation of the authors' code.

Shapes: N = batch, * = the shape of one example.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from arena import Rng
from arena.errors import RuleUndefined

TINY = 1e-12
"""Added to ‖∇d‖² under a root, whose derivative would not be finite where a discriminator is flat."""


class Penalty(NamedTuple):
    """Where a discriminator's slope is looked at, and which it should have.

    Args:
        at: real, fake, between the two, or around the real ones.
        slope: the norm that is not penalised: 0 or 1.
    """

    at: Literal["real", "fake", "between", "around"]
    slope: float

    @property
    def draws(self) -> bool:
        """True where it looks at points that are drawn."""
        return self.at in ("between", "around")

    def draw(self, real: Tensor, rng: Rng) -> Tensor:
        """What it draws for a batch, from the noise: u of shape (N, 1, …), or δ of shape (N, *).

        Args:
            real: the examples of the batch.
            rng: the batch's random stream.
        """
        weight = torch.rand(len(real), *[1] * (real.dim() - 1), generator=rng.noise)
        if self.at == "between":
            return weight
        return 0.5 * real.std(correction=0) * weight * torch.rand(real.shape, generator=rng.noise)

    def points(self, real: Tensor, fake: Tensor, drawn: Tensor | None = None) -> Tensor:
        """Where the slope is looked at, (N, *).

        Args:
            real: examples of the data.
            fake: generated ones.
            drawn: what `draw` gave.
        """
        if drawn is None:
            return real if self.at == "real" else fake
        return real + drawn if self.at == "around" else drawn * real + (1 - drawn) * fake

    def value(self, discriminator: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
        """½ E(‖∇d‖ − slope)² over the points: what γ multiplies.

        Args:
            discriminator: from examples to logits.
            points: where its slope is looked at, (N, *).

        Raises:
            RuleUndefined: for a discriminator whose slope cannot be differentiated.

        Example:
            >>> line = lambda x: 3 * x[:, 0] + 4 * x[:, 1]
            >>> float(PENALTIES["r1"].value(line, torch.zeros(5, 2))), float(PENALTIES["wgan-gp"].value(line, torch.zeros(5, 2)))
            (12.5, 8.0)
        """
        squares = squared_slopes(discriminator, points)
        return (squares if self.slope == 0 else ((squares + TINY).sqrt() - self.slope).square()).mean() / 2

    @property
    def feels_generator(self) -> bool:
        """True where it looks at generated examples, and so is felt at the coupling."""
        return self.at in ("fake", "between")


PENALTIES = {
    "r1": Penalty("real", 0.0),
    "r2": Penalty("fake", 0.0),
    "0-gp": Penalty("between", 0.0),
    "wgan-gp": Penalty("between", 1.0),
    "dragan": Penalty("around", 1.0),
}
"""Every penalty by its name."""


def squared_slopes(discriminator: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """‖∇d(x)‖² of each example, (N,): the sum over all its numbers, not over its channels alone.

    It is differentiable again, in the discriminator's parameters and in the points, also where members are mapped over. A discriminator
    that mixes examples, as batch normalisation does, is taken as a whole: the gradient is that of the sum of its logits.

    Args:
        discriminator: from examples to logits.
        points: of shape (N, *).

    Raises:
        RuleUndefined: where that gradient cannot be taken.
    """
    try:
        with _statistics_at_rest(discriminator):
            slopes = torch.func.grad(lambda x: discriminator(x).sum())(points)
    except (NotImplementedError, RuntimeError) as error:
        text = " ".join(str(error).split())
        if not any(word in text for word in ("setup_context", "derivative", "does not require grad", "twice")):
            raise
        raise RuleUndefined(
            f"a penalty needs the discriminator's slope and its derivative, which one of its operations lacks ({text[:120]}); use "
            "penalty none, or another discriminator"
        ) from error
    return slopes.flatten(1).square().sum(1)


@contextlib.contextmanager
def _statistics_at_rest(discriminator: object) -> Iterator[None]:
    """While inside, normalisation layers keep no running statistics: those of the data and the fakes are noted where they are judged."""
    modules = discriminator.modules() if isinstance(discriminator, nn.Module) else ()
    tracking = [m for m in modules if m.training and getattr(m, "track_running_stats", False)]
    try:
        for layer in tracking:
            layer.track_running_stats = False  # type: ignore[assignment]
        yield
    finally:
        for layer in tracking:
            layer.track_running_stats = True  # type: ignore[assignment]
