"""The penalty is too weak: the discriminator wins in spite of it.

    penalty ≠ none,  median D(x) − median D(G(z)) > gap late,  and the score is far from good

L. Mescheder et al., arXiv:1801.04406, section 4; I. Gulrajani et al., arXiv:1704.00028, section 5: the paper's λ of 10 is γ = 20 here.
"""

from arena.doctor.ailments.discriminator_wins import more_moves
from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class PenaltyTooWeak(Ailment):
    """There is a penalty, but the discriminator wins in spite of it.

    Args:
        gap: Least D(x) − D(G(z)), in (0, 1).
        factor: Factor on γ in the prescription.
    """

    source = "Mescheder et al., arXiv:1801.04406, section 4; Gulrajani et al., arXiv:1704.00028"

    def __init__(self, gap: float = 0.45):
        self.gap = gap

    def look(self, case: Case) -> Finding | None:
        penalty, gamma = case.setting("penalty", "none"), case.number("gamma")
        if penalty == "none" or case.of_gan is None or not case.far or not case.gap > self.gap or not gamma < 1:
            return None
        data, fake = case.of_gan
        since = case.since(fake, lambda values: values < 0.5 - self.gap / 2)
        evidence = (Evidence(f"{data} − {fake}", case.gap, "near 0", since), Evidence("gamma", gamma, "1 to 10"))
        if (ratio := case.number("scheduler.ratio")) > 1:
            return Finding(evidence, **more_moves(ratio), severity=0.9)
        better = 1.0 if penalty in ("r1", "r2", "0-gp") else 20.0
        return Finding(evidence, "the penalty is too weak to bound the slope", {"gamma": better}, 0.9, "a stronger penalty")
