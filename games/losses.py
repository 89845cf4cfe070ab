"""Losses of generator against discriminator, on logits. Each player minimises its own; λ scales what it feels of the other.

With d(x) the discriminator's logit, σ the logistic function and softplus(t) = log(1 + eᵗ) = −log σ(−t):

    discriminator    E[softplus(−d(x))] + λ E[softplus(d(G(z)))]        both forms
    generator        λ E[softplus(−d(G(z)))]                            non-saturating: −log D(G(z))
    generator        −λ E[softplus(d(G(z)))]                            saturating: log(1 − D(G(z))), zero-sum up to a constant in G

I. Goodfellow et al., "Generative Adversarial Nets", arXiv:1406.2661, section 3. The two generator losses have the same fixed points and
different gradients: where the discriminator is sure of a fake the saturating one vanishes, the other does not.
"""

from torch import Tensor
from torch.nn.functional import softplus


def logistic_discriminator(real: Tensor, fake: Tensor, coupling: float | Tensor) -> Tensor:
    """E[softplus(−d(x))] + λ E[softplus(d(G(z)))]; 2 ln 2 at the optimum d = 0 and λ = 1.

    Args:
        real: logits of real examples, any shape.
        fake: logits of generated examples, any shape.
        coupling: λ.

    Example:
        >>> import torch
        >>> round(float(logistic_discriminator(torch.zeros(4), torch.zeros(4), 1.0)), 4)
        1.3863
    """
    return softplus(-real).mean() + _times(coupling, softplus(fake).mean())


def non_saturating(fake: Tensor, coupling: float | Tensor) -> Tensor:
    """λ E[−log D(G(z))]; λ ln 2 at d = 0. Its derivative in d is −λσ(−d): near −λ where the discriminator is sure of a fake.

    Example:
        >>> import torch
        >>> round(float(non_saturating(torch.zeros(4), 1.0)), 4)
        0.6931
    """
    return _times(coupling, softplus(-fake).mean())


def saturating(fake: Tensor, coupling: float | Tensor) -> Tensor:
    """λ E[log(1 − D(G(z)))]; −λ ln 2 at d = 0. Its derivative in d is −λσ(d): near 0 where the discriminator is sure of a fake.

    Example:
        >>> import torch
        >>> round(float(saturating(torch.zeros(4), 1.0)), 4)
        -0.6931
    """
    return -_times(coupling, softplus(fake).mean())


GENERATOR_LOSSES = {"non-saturating": non_saturating, "saturating": saturating}


def _times(coupling: float | Tensor, loss: Tensor) -> Tensor:
    """λ·loss; a λ of exactly 1 needs no kernel, neither forwards nor backwards."""
    return loss if isinstance(coupling, float) and coupling == 1.0 else coupling * loss
