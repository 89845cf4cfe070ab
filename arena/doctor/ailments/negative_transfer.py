"""Negative transfer: adaptation makes the target worse than the source alone did.

    late target accuracy < highest earlier one − loss            the earlier one while λ was small, or little had been aligned

If the domains' label distributions differ, features that are aligned confuse classes: Z. Wang et al., "Characterizing and Avoiding Negative
Transfer", arXiv:1811.09751; H. Zhao et al., "On Learning Invariant Representations for Domain Adaptation", arXiv:1901.09453, theorem 4.3.
The rule uses target labels, so that it is for diagnosis only.
"""

import numpy as np

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class NegativeTransfer(Ailment):
    """Adaptation makes the target worse than it was before the domains were aligned.

    Args:
        loss: Least fall of the target's accuracy, in (0, 1).
        window: Scores over which the highest accuracy is averaged.
    """

    source = "Wang et al., arXiv:1811.09751; Zhao et al., arXiv:1901.09453, theorem 4.3"

    def __init__(self, loss: float = 0.04, window: int = 3):
        self.loss, self.window = loss, window

    def look(self, case: Case) -> Finding | None:
        if case.setting("regime") != "adapt" or case.late("coupling") == 0 or not len(case.of("metrics.target-accuracy")[1]):
            return None
        turns, errors = case.of("score")
        if len(errors) < 2 * self.window:
            return None
        smooth = np.convolve(errors, np.ones(self.window) / self.window, "valid")
        best, late = float(smooth.min()), case.late("score", 0.7)
        if late < best + self.loss or smooth.argmin() > 0.7 * len(smooth):
            return None
        turn = int(turns[smooth.argmin() + self.window // 2])
        evidence = (
            Evidence("score", f"{late:.3g}, and was {best:.3g} in turn {turn:,}", "an error on the target that does not rise", turn),
            Evidence("coupling", case.late("coupling"), "small enough that the target does not suffer"),
        )
        cause = "the features are aligned although the domains' classes differ in their shares"
        return Finding(evidence, cause, {"regime": "source-only"}, 0.9, "the source alone, or a smaller coupling")
