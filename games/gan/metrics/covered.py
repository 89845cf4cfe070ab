"""When a mode or a class counts as covered: one rule for all metrics that count them."""

from torch import Tensor


def covered(hits_NK: Tensor, share: float) -> Tensor:
    """How many of K are hit by at least that share of N samples, and by one at least.

    Args:
        hits_NK: ones where a sample hits, else zeros.
        share: of the samples, in [0, 1].

    Example:
        >>> import torch
        >>> hits = torch.eye(4)[[0, 0, 0, 1]]
        >>> float(covered(hits, 0.0)), float(covered(hits, 0.5))
        (2.0, 1.0)
    """
    count_K = hits_NK.sum(dim=0)
    return ((count_K > 0) & (count_K >= share * len(hits_NK))).to(hits_NK).sum()
