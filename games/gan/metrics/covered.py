"""Rule for covered modes and classes, shared by all metrics that count them."""

from torch import Tensor


def covered(hits_NK: Tensor, share: float) -> Tensor:
    """Return how many of K columns are hit by at least one sample and at least the given share of N samples.

    Args:
        hits_NK: 1 if a sample hits, else 0.
        share: Share of the samples, in [0, 1].

    Example:
        >>> import torch
        >>> hits = torch.eye(4)[[0, 0, 0, 1]]
        >>> float(covered(hits, 0.0)), float(covered(hits, 0.5))
        (2.0, 1.0)
    """
    count_K = hits_NK.sum(dim=0)
    return ((count_K > 0) & (count_K >= share * len(hits_NK))).to(hits_NK).sum()
