r"""Divergence of two domains by a linear classifier of features: log-odds, and the proxy A-distance.

    w, b = argmin E softplus(−s (w·z + b)) + ρ/2 ‖w‖²        s = −1 for the source, +1 for the target, z the standardised features

The odds of the target are e^(w·z + b), which for equally many examples of both domains estimate p_target(f) / p_source(f). With ε the
classifier's error on held-out examples,

    d_A = 2 (1 − 2ε)

is the proxy A-distance (S. Ben-David et al., "Analysis of Representations for Domain Adaptation", NIPS 2006, section 4; used in Y. Ganin
et al., arXiv:1505.07818, section 5.1.4): 2 for perfectly separable domains, about 0 for indistinguishable ones.

The fit needs no step size: the curvature p(1 − p) is at most ¼, so that in the principal axes of z, in which
the bound ¼ ZᵀZ is diagonal, each step w ← w − g / (S²/4N + ρ) lowers the loss (D. Böhning, "Multinomial logistic regression algorithm",
1992). It is tensor arithmetic alone, so that it can be mapped over the members of a population.

Shapes: N, M = examples, F = features, R = principal axes.
"""

import torch
from torch import Tensor

RIDGE = 1e-2
"""ρ: without it, fewer examples than features would always be separable."""
STEPS = 200


def log_odds(source_NF: Tensor, target_MF: Tensor, at: Tensor, ridge: float = RIDGE) -> Tensor:
    """Return the log-odds of the target at the features `at` (K × F), by a classifier fitted to source and target: K numbers.

    Example:
        >>> left, right = torch.tensor([[-1.0], [-1.2]]), torch.tensor([[1.0], [1.2]])
        >>> (log_odds(left, right, torch.tensor([[-1.1], [0.0], [1.1]])) > 0.1).tolist()
        [False, False, True]
    """
    both = torch.cat([source_NF, target_MF])
    mean, deviation = both.mean(0), both.std(0).clamp(min=1e-6)
    u_NR, s_R, axes_RF = torch.linalg.svd((both - mean) / deviation, full_matrices=False)
    z_NR = u_NR * s_R
    truth_N = torch.cat([torch.zeros_like(source_NF[:, 0]), torch.ones_like(target_MF[:, 0])])
    bound_R = s_R.square() / (4 * len(both)) + ridge
    w_R, b = torch.zeros_like(s_R), torch.zeros_like(s_R[0])
    for _ in range(STEPS):
        wrong_N = (z_NR @ w_R + b).sigmoid() - truth_N
        w_R, b = w_R - (wrong_N @ z_NR / len(both) + ridge * w_R) / bound_R, b - 4 * wrong_N.mean()
    return ((at - mean) / deviation) @ axes_RF.T @ w_R + b


def proxy_a_distance(source_NF: Tensor, target_MF: Tensor) -> Tensor:
    """Return d_A of features of two domains, fitted to the first half of either and tried on the second.

    Example:
        >>> left = torch.linspace(-2, -1, 8).unsqueeze(1)
        >>> proxy_a_distance(left, -left).item(), proxy_a_distance(left, left).item()
        (2.0, 0.0)
    """
    (source, other), (target, more) = ((half[: len(half) // 2], half[len(half) // 2 :]) for half in (source_NF, target_MF))
    odds = [log_odds(source, target, rest) for rest in (other, more)]
    error = ((odds[0] > 0).to(source).mean() + (odds[1] <= 0).to(source).mean()) / 2
    return 2 * (1 - 2 * error)
