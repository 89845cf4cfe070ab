"""The players do not come to rest: they chase each other, and the score swings far from good.

    median D(x) and D(G(z)) differ by less than `gap`, while the score is far from good,
    and late in the run both gradients are no smaller than early on, and both players go straight ahead: cosine of updates > `straight`

Near a solution that attracts, gradients fall and updates turn from step to step. Where the eigenvalues of the field's Jacobian are almost
imaginary the players circle instead; a penalty on the discriminator's slope gives them a negative real part: L. Mescheder et al., "Which
Training Methods for GANs do actually Converge?", arXiv:1801.04406, section 4.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class Unsettled(Ailment):
    """The players chase each other: neither comes to rest, and the score swings far from good.

    Args:
        gap: Largest |D(x) − D(G(z))|, in (0, 1).
        straight: Least cosine of successive updates, late in the run.
        calm: Ratio of late to early gradient norms below which a player comes to rest.
    """

    source = "Mescheder et al., arXiv:1801.04406, section 4"

    def __init__(self, gap: float = 0.25, straight: float = 0.9, calm: float = 1.0):
        self.gap, self.straight, self.calm = gap, straight, calm

    def look(self, case: Case) -> Finding | None:
        if case.of_gan is None or not case.far or case.status == "diverged" or not abs(case.gap) < self.gap:
            return None
        if case.setting("penalty", "none") != "none":
            return None
        evidence = []
        for role in case.roles:
            cosine, norm = case.late(f"{role}.update_cosine", 0.8), f"{role}.gradient_norm"
            ratio = case.late(norm, 0.8) / case.late(norm, 0.05, 0.35)
            if not (cosine > self.straight and ratio > self.calm):
                return None
            evidence.append(Evidence(norm, f"{ratio:.2g} times what it was early on", "below 0.5 times"))
        evidence.append(Evidence("score", case.late("score", 0.8), case.goal))
        change = {"penalty": "r1", "gamma": 1.0}
        return Finding(tuple(evidence), "nothing damps the rotation of the field", change, 0.3, "a penalty on the discriminator's slope")
