"""Losses of generator against discriminator, on logits. Each player minimises its own; λ scales what it feels of the other.

With d(x) the discriminator's logit, σ the logistic function and softplus(t) = log(1 + eᵗ) = −log σ(−t):

    discriminator    E[softplus(−d(x))] + λ E[softplus(d(G(z)))]        of the next two
    generator        λ E[softplus(−d(G(z)))]                            non-saturating: −log D(G(z))
    generator        −λ E[softplus(d(G(z)))]                            saturating: log(1 − D(G(z))), zero-sum up to a constant in G

    discriminator    −E[d(x)] + λ E[d(G(z))]                            Wasserstein: d is kept Lipschitz by other means
    generator        −λ E[d(G(z))]

I. Goodfellow et al., "Generative Adversarial Nets", arXiv:1406.2661, section 3, and M. Arjovsky et al., "Wasserstein GAN",
arXiv:1701.07875, section 3. The two logistic generator losses have the same fixed points and different gradients: where the
discriminator is sure of a fake the saturating one vanishes, the other does not.

An expectation is the mean over the examples, or their weighted sum where `weights` that add up to 1 are given (a quadrature).
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import softplus


def logistic_discriminator(real: Tensor, fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """E[softplus(−d(x))] + λ E[softplus(d(G(z)))]; 2 ln 2 at the optimum d = 0 and λ = 1.

    Args:
        real: logits of real examples, any shape.
        fake: logits of generated examples, any shape.
        coupling: λ.
        weights: of the examples, adding up to 1, for real and generated ones alike; None weighs them equally.

    Example:
        >>> import torch
        >>> round(float(logistic_discriminator(torch.zeros(4), torch.zeros(4), 1.0)), 4)
        1.3863
    """
    return _mean(softplus(-real), weights) + _times(coupling, _mean(softplus(fake), weights))


def non_saturating(fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """λ E[−log D(G(z))]; λ ln 2 at d = 0. Its derivative in d is −λσ(−d): near −λ where the discriminator is sure of a fake.

    Example:
        >>> import torch
        >>> round(float(non_saturating(torch.zeros(4), 1.0)), 4)
        0.6931
    """
    return _times(coupling, _mean(softplus(-fake), weights))


def saturating(fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """λ E[log(1 − D(G(z)))]; −λ ln 2 at d = 0. Its derivative in d is −λσ(d): near 0 where the discriminator is sure of a fake.

    Example:
        >>> import torch
        >>> round(float(saturating(torch.zeros(4), 1.0)), 4)
        -0.6931
    """
    return -_times(coupling, _mean(softplus(fake), weights))


def wasserstein_discriminator(real: Tensor, fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """−E[d(x)] + λ E[d(G(z))]; at λ = 1 and its optimum over 1-Lipschitz d, minus the Wasserstein distance of the two.

    Args:
        real: the critic's values on real examples, any shape.
        fake: its values on generated examples, any shape.
        coupling: λ.
        weights: of the examples, adding up to 1, for real and generated ones alike; None weighs them equally.

    Example:
        >>> import torch
        >>> float(wasserstein_discriminator(torch.ones(4), torch.zeros(4), 1.0))
        -1.0
    """
    return _times(coupling, _mean(fake, weights)) - _mean(real, weights)


def wasserstein_generator(fake: Tensor, coupling: float | Tensor, weights: Tensor | None = None) -> Tensor:
    """−λ E[d(G(z))]. Its derivative in d is −λ everywhere.

    Example:
        >>> import torch
        >>> float(wasserstein_generator(torch.ones(4), 0.5))
        -0.5
    """
    return -_times(coupling, _mean(fake, weights))


GENERATOR_LOSSES = {"non-saturating": non_saturating, "saturating": saturating}
"""The generator's losses against `logistic_discriminator`."""

LOSS_PAIRS: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    **{name: (logistic_discriminator, generator) for name, generator in GENERATOR_LOSSES.items()},
    "wasserstein": (wasserstein_discriminator, wasserstein_generator),
}
"""The discriminator's and the generator's loss by the name of the pair."""


def _mean(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean() if weights is None else (weights * values).sum()


def _times(coupling: float | Tensor, loss: Tensor) -> Tensor:
    """λ·loss; a λ of exactly 1 needs no kernel, neither forwards nor backwards."""
    return loss if isinstance(coupling, float) and coupling == 1.0 else coupling * loss
