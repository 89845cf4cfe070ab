"""Rule for covered modes and classes, shared by all metrics that count them."""

from torch import Tensor


def covered(hits_NK: Tensor, share: float) -> Tensor:
    """Return the number of K columns that are hit (1, else 0) by at least one sample and at least a share, in [0, 1], of N samples.

    Example:
        >>> import torch
        >>> hits = torch.eye(4)[[0, 0, 0, 1]]
        >>> float(covered(hits, 0.0)), float(covered(hits, 0.5))
        (2.0, 1.0)
    """
    count_K = hits_NK.sum(dim=0)
    return ((count_K > 0) & (count_K >= share * len(hits_NK))).to(hits_NK).sum()
