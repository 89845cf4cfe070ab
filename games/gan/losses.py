"""Losses of generator and discriminator on logits. Each player minimises its own; λ scales its dependence on the other player.

With the discriminator's logit d(x), the logistic function σ and softplus(t) = log(1 + eᵗ) = −log σ(−t):

    discriminator    E[softplus(−d(x))] + λ E[softplus(d(G(z)))]        logistic, for the next two
    generator        λ E[softplus(−d(G(z)))]                            non-saturating: −log D(G(z))
    generator        −λ E[softplus(d(G(z)))]                            saturating: log(1 − D(G(z))), zero-sum up to a constant in G

    discriminator    −E[d(x)] + λ E[d(G(z))]                            Wasserstein: d must be kept Lipschitz by other means
    generator        −λ E[d(G(z))]

    discriminator    ½ E[(d(x) − 1)²] + (λ/2) E[d(G(z))²]               least squares: real is 1, generated is 0
    generator        (λ/2) E[(d(G(z)) − 1)²]

    discriminator    E[max(0, 1 − d(x))] + λ E[max(0, 1 + d(G(z)))]     hinge
    generator        −λ E[d(G(z))]

    discriminator    E[softplus(−(d(x) − λ d(G(z))))]                   relativistic: which example of a pair is real?
    generator        λ E[softplus(−(d(G(z)) − d(x)))]

At the discriminator's optimum, with densities p of real and q of generated examples and λ = 1, its loss is:

    logistic         D = p/(p + q)           2 ln 2 − 2 JS(p, q)        least squares    d = p/(p + q)         ½ Σ pq/(p + q)
    Wasserstein      Kantorovich potential           −W₁(p, q)          hinge            d = sign(p − q)       2 Σ min(p, q)
    relativistic     on two points a and b, σ(d(a) − d(b)) = p(a)q(b)/(p(a)q(b) + p(b)q(a)); ln 2 if p = q

The two logistic generator losses have the same fixed points but different gradients: if the discriminator confidently rejects a fake,
the saturating gradient vanishes and the other does not.

An expectation is the mean over examples, or the sum weighted by `weights` that add up to 1 (a quadrature). The relativistic loss pairs
real and generated examples by position. All losses take logits `real` of real and `fake` of generated examples, of any shape, and λ as
`coupling`; those of the generator use `real` in the relativistic loss only.

I. Goodfellow et al., "Generative Adversarial Nets", arXiv:1406.2661, section 3; M. Arjovsky et al., "Wasserstein GAN",
arXiv:1701.07875, section 3; X. Mao et al., "Least Squares Generative Adversarial Networks", arXiv:1611.04076, equation 9; J. Lim and
J. Ye, "Geometric GAN", arXiv:1705.02894; A. Jolicoeur-Martineau, "The relativistic discriminator", arXiv:1807.00734, section 4.1 (RSGAN).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus


def logistic_discriminator(real: Tensor, fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """E[softplus(−d(x))] + λ E[softplus(d(G(z)))]; 2 ln 2 at the optimum d = 0 and λ = 1.

    Example:
        >>> round(float(logistic_discriminator(torch.zeros(4), torch.zeros(4), 1.0)), 4)
        1.3863
    """
    return _mean(softplus(-real), weights) + _times(coupling, _mean(softplus(fake), weights))


def non_saturating(fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None, real: Tensor | None = None) -> Tensor:
    """λ E[−log D(G(z))]; λ ln 2 at d = 0. Its derivative in d is −λσ(−d): about −λ for confidently rejected fakes.

    Example:
        >>> round(float(non_saturating(torch.zeros(4), 1.0)), 4)
        0.6931
    """
    return _times(coupling, _mean(softplus(-fake), weights))


def saturating(fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None, real: Tensor | None = None) -> Tensor:
    """λ E[log(1 − D(G(z)))]; −λ ln 2 at d = 0. Its derivative in d is −λσ(d): about 0 for confidently rejected fakes.

    Example:
        >>> round(float(saturating(torch.zeros(4), 1.0)), 4)
        -0.6931
    """
    return -_times(coupling, _mean(softplus(fake), weights))


def wasserstein_discriminator(real: Tensor, fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """−E[d(x)] + λ E[d(G(z))]; minus the Wasserstein distance at the optimum over 1-Lipschitz d and λ = 1.

    Example:
        >>> float(wasserstein_discriminator(torch.ones(4), torch.zeros(4), 1.0))
        -1.0
    """
    return _times(coupling, _mean(fake, weights)) - _mean(real, weights)


def wasserstein_generator(fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None, real: Tensor | None = None) -> Tensor:
    """−λ E[d(G(z))], also the generator's hinge loss. Its derivative in d is −λ everywhere.

    Example:
        >>> float(wasserstein_generator(torch.ones(4), 0.5))
        -0.5
    """
    return -_times(coupling, _mean(fake, weights))


def least_squares_discriminator(real: Tensor, fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """½ E[(d(x) − 1)²] + (λ/2) E[d(G(z))²]; ¼ at the optimum d = ½ and λ = 1.

    Example:
        >>> float(least_squares_discriminator(torch.full((4,), 0.5), torch.full((4,), 0.5), 1.0))
        0.25
    """
    return _mean((real - 1).square(), weights) / 2 + _times(coupling, _mean(fake.square(), weights) / 2)


def least_squares_generator(fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None, real: Tensor | None = None) -> Tensor:
    """(λ/2) E[(d(G(z)) − 1)²]; λ/8 at d = ½. Its derivative in d is λ(d − 1), proportional to the distance from the target 1.

    Example:
        >>> float(least_squares_generator(torch.full((4,), 0.5), 1.0))
        0.125
    """
    return _times(coupling, _mean((fake - 1).square(), weights) / 2)


def hinge_discriminator(real: Tensor, fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """E[max(0, 1 − d(x))] + λ E[max(0, 1 + d(G(z)))]; 2 for every |d| ≤ 1 if the distributions are equal and λ = 1.

    Example:
        >>> float(hinge_discriminator(torch.zeros(4), torch.zeros(4), 1.0))
        2.0
    """
    return _mean(torch.relu(1 - real), weights) + _times(coupling, _mean(torch.relu(1 + fake), weights))


def relativistic_discriminator(real: Tensor, fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """E[softplus(−(d(x) − λ d(G(z))))]; ln 2 if d is constant and λ = 1. At λ = 0 it is the logistic loss of the real examples.

    Example:
        >>> round(float(relativistic_discriminator(torch.ones(4), torch.ones(4), 1.0)), 4)
        0.6931
    """
    return _mean(softplus(_times(coupling, fake) - real), weights)


def relativistic_generator(fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None, real: Tensor | None = None) -> Tensor:
    """λ E[softplus(−(d(G(z)) − d(x)))]; λ ln 2 if d is constant. Raises TypeError without `real`.

    Example:
        >>> round(float(relativistic_generator(torch.ones(4), 1.0, real=torch.ones(4))), 4)
        0.6931
    """
    if real is None:
        raise TypeError("the relativistic loss needs the logits of real examples too. Fix: pass real=")
    return _times(coupling, _mean(softplus(real - fake), weights))


def label_smoothing(real: Tensor, amount: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """s E[d(x)]: added to a discriminator's loss, it changes the label of real examples to 1 − s. One-sided: fakes keep the label 0.

    For the logistic loss, (1 − s) softplus(−d) + s softplus(d) = softplus(−d) + s d. For least squares, the same holds up to a constant:
    ½(d − 1 + s)² = ½(d − 1)² + s d − s + s²/2. The optimum is (1 − s) p/(p + q).

    T. Salimans et al., "Improved Techniques for Training GANs", arXiv:1606.03498, section 3.4. `amount` is s.

    Example:
        >>> float(label_smoothing(torch.full((4,), 2.0), 0.25))
        0.5
    """
    return amount * _mean(real, weights)


class LossPair(NamedTuple):
    """The losses of the two players.

    Args:
        discriminator: Function of (real, fake, coupling, weights).
        generator: Function of (fake, coupling, weights, real).
        relativistic: Whether the generator's loss uses the logits of real examples.
        labels: Whether real examples have the label 1, which can be smoothed.
    """

    discriminator: Callable[..., Tensor]
    generator: Callable[..., Tensor]
    relativistic: bool = False
    labels: bool = False


GENERATOR_LOSSES = {"non-saturating": non_saturating, "saturating": saturating}
"""Generator losses against `logistic_discriminator`."""

LOSS_PAIRS: dict[str, LossPair] = {
    **{name: LossPair(logistic_discriminator, generator, labels=True) for name, generator in GENERATOR_LOSSES.items()},
    "wasserstein": LossPair(wasserstein_discriminator, wasserstein_generator),
    "least-squares": LossPair(least_squares_discriminator, least_squares_generator, labels=True),
    "hinge": LossPair(hinge_discriminator, wasserstein_generator),
    "relativistic": LossPair(relativistic_discriminator, relativistic_generator, relativistic=True),
}
"""Loss pairs by name."""


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (weights * values).sum()


def _times(coupling: float | Tensor, loss: Tensor) -> Tensor:
    """Return λ·loss; λ = 1.0 launches no kernel, forward or backward."""
    return loss if isinstance(coupling, float) and coupling == 1.0 else coupling * loss
