"""The calibration of a classifier: the match of confidence and accuracy.

    ECE = Σ_b (n_b/N) |accuracy_b − confidence_b|

over B equal bins of confidence max p, the largest of the probabilities (C. Guo et al., "On Calibration of Modern Neural Networks",
arXiv:1706.04599, section 2). It is biased upwards: for N perfectly calibrated examples it is about √(B/N)/2.

Shapes: N = examples, K = classes, B = bins.
"""

import torch
from torch import Tensor


def calibration_error(logits_NK: Tensor, labels_N: Tensor, bins: int = 10) -> Tensor:
    """Return the expected calibration error over B bins and the examples of known classes, in [0, 1].

    Example:
        >>> sure_and_right = torch.tensor([[50.0, 0.0], [0.0, 50.0]])
        >>> float(calibration_error(sure_and_right, torch.tensor([0, 1]))), float(calibration_error(sure_and_right, torch.tensor([1, 0])))
        (0.0, 1.0)
    """
    confidence_N, guess_N = logits_NK.softmax(1).max(1)
    known_N = labels_N >= 0
    gap_N = known_N * ((guess_N == labels_N).to(confidence_N) - confidence_N)
    bin_N = (confidence_N * bins).long().clamp(max=bins - 1)
    in_bin_NB = (bin_N.unsqueeze(1) == torch.arange(bins, device=bin_N.device)).to(gap_N)
    return (gap_N.unsqueeze(1) * in_bin_NB).sum(0).abs().sum() / known_N.sum()
