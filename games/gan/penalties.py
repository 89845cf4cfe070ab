"""Gradient penalties of the discriminator, in one convention: half the weight γ, and the norm over ALL elements of an example.

    R1         (γ/2) E ‖∇d(x)‖²                     at the data
    R2         (γ/2) λ E ‖∇d(G(z))‖²                at generated examples
    0-GP       (γ/2) λ E ‖∇d(x̂)‖²                   between the two, x̂ = u x + (1 − u) G(z) with u uniform on [0, 1]
    WGAN-GP    (γ/2) λ E (‖∇d(x̂)‖ − 1)²             at the same points
    DRAGAN     (γ/2) E (‖∇d(x + δ)‖ − 1)²           around the data, δ = ½ a sd(x) v with uniform a per example, v per element

d(x) is the discriminator's logit and ∇ its gradient with respect to the example. For papers that omit the factor ½, double the weight:
the 10 of WGAN-GP and DRAGAN is γ = 20 here, the 10 of R1 is γ = 10. Penalties that depend on generated examples are scaled by the
coupling λ, so that the players are independent at λ = 0.

R1, R2: L. Mescheder et al., arXiv:1801.04406, section 4.1; 0-GP: H. Thanh-Tung et al., arXiv:1902.03984; WGAN-GP: I. Gulrajani et al.,
arXiv:1704.00028; DRAGAN: N. Kodali et al., arXiv:1705.07215, with the perturbation of the authors' code.

Shapes: N = batch, * = the shape of one example.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from arena.core.rng import Rng
from arena.errors import RuleUndefined

TINY = 1e-12
"""Added to ‖∇d‖² under the root, whose derivative is infinite for a flat discriminator."""


class Penalty(NamedTuple):
    """A penalty (γ/2) E(‖∇d‖ − slope)².

    Args:
        at: Points of the penalty: real, fake, between the two, or around the real ones.
        slope: Target norm of the gradient, 0 or 1.
    """

    at: Literal["real", "fake", "between", "around"]
    slope: float

    @property
    def draws(self) -> bool:
        """Whether the points are random."""
        return self.at in ("between", "around")

    def draw(self, real: Tensor, rng: Rng) -> Tensor:
        """Return random numbers for real examples (N, *): u, (N, 1, …), for points between, or δ, (N, *), for points around."""
        weight = torch.rand(len(real), *[1] * (real.dim() - 1), generator=rng.noise)
        if self.at == "between":
            return weight
        return 0.5 * real.std(correction=0) * weight * torch.rand(real.shape, generator=rng.noise)

    def points(self, real: Tensor, fake: Tensor, drawn: Tensor | None = None) -> Tensor:
        """Return the points of the penalty, (N, *), from real and generated examples (N, *) and the result of `draw`, if any."""
        if drawn is None:
            return real if self.at == "real" else fake
        return real + drawn if self.at == "around" else drawn * real + (1 - drawn) * fake

    def value(self, discriminator: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
        """Return ½ E(‖∇d‖ − slope)² over the points, (N, *); the caller multiplies by γ.

        Raises:
            RuleUndefined: The discriminator's gradient cannot be differentiated.

        Example:
            >>> line = lambda x: 3 * x[:, 0] + 4 * x[:, 1]
            >>> float(PENALTIES["r1"].value(line, torch.zeros(5, 2))), float(PENALTIES["wgan-gp"].value(line, torch.zeros(5, 2)))
            (12.5, 8.0)
        """
        squares = squared_slopes(discriminator, points)
        return (squares if self.slope == 0 else ((squares + TINY).sqrt() - self.slope).square()).mean() / 2

    @property
    def uses_fakes(self) -> bool:
        """Whether it depends on generated examples, and is therefore scaled by λ."""
        return self.at in ("fake", "between")


PENALTIES = {
    "r1": Penalty("real", 0.0),
    "r2": Penalty("fake", 0.0),
    "0-gp": Penalty("between", 0.0),
    "wgan-gp": Penalty("between", 1.0),
    "dragan": Penalty("around", 1.0),
}
"""Penalties by name."""


def squared_slopes(discriminator: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Return ‖∇d(x)‖² of each example, (N,), summed over all its elements.

    The result is differentiable in the discriminator's parameters and in the points, also under vmap. If the discriminator mixes examples,
    as batch normalisation does, the gradient is that of the sum of its logits. Raises RuleUndefined if the gradient cannot be taken.
    """
    try:
        with _statistics_at_rest(discriminator):
            slopes = torch.func.grad(lambda x: discriminator(x).sum())(points)
    except (NotImplementedError, RuntimeError) as error:
        text = " ".join(str(error).split())
        if not any(word in text for word in ("setup_context", "derivative", "does not require grad", "twice")):
            raise
        raise RuleUndefined(
            f"the penalty needs second derivatives of the discriminator, which one of its operations lacks ({text[:120]}). "
            "Fix: use penalty none, or another discriminator"
        ) from error
    return slopes.flatten(1).square().sum(1)


@contextlib.contextmanager
def _statistics_at_rest(discriminator: object) -> Iterator[None]:
    """Stop normalisation layers from updating their running statistics: the losses update them once for the same examples."""
    modules = discriminator.modules() if isinstance(discriminator, nn.Module) else ()
    tracking = [m for m in modules if m.training and getattr(m, "track_running_stats", False)]
    try:
        for layer in tracking:
            layer.track_running_stats = False  # type: ignore[assignment]
        yield
    finally:
        for layer in tracking:
            layer.track_running_stats = True  # type: ignore[assignment]
