"""An attack that saturates: the classifier withstands one step and falls to many, so that its gradient is masked.

    accuracy under one step (FGSM) − accuracy under many steps (PGD, 1 − score) > gap

A. Athalye et al., arXiv:1802.00420, section 3.1: "one-step attacks perform better than iterative attacks" only if gradients are obfuscated;
E. Wong et al., arXiv:2001.03994, section 5.2, and M. Andriushchenko and N. Flammarion, arXiv:2007.02617, on catastrophic overfitting.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class GradientMasking(Ailment):
    """The classifier withstands an attack of one step, and falls to one of many steps.

    Args:
        gap: Least difference of the accuracies, in (0, 1).
    """

    source = "Athalye et al., arXiv:1802.00420, section 3.1; Wong et al., arXiv:2001.03994, section 5.2"

    def __init__(self, gap: float = 0.15):
        self.gap = gap

    def look(self, case: Case) -> Finding | None:
        one, many = case.late("metrics.fgsm-accuracy"), 1 - case.late("score", 0.7)
        if not one - many > self.gap:
            return None
        evidence = (
            Evidence("metrics.fgsm-accuracy", one, f"close to that under many steps, {many:.3g}"),
            Evidence("score", 1 - many, f"about 1 less the accuracy under one step, {1 - one:.3g}"),
        )
        ratio = case.number("scheduler.ratio")
        more = 3 * int(ratio) if ratio >= 1 else 3
        change: dict[str, float] = {"scheduler.ratio": more}
        if case.rate(case.roles[1]) > 1.5 / more:  # steps of ε·rate; those of all moves together reach through the ball
            change[f"{case.roles[1]}.lr"] = 1.5 / more
        return Finding(evidence, "the training attack takes too few steps", change, 0.9, "more and shorter steps of the attacker")
