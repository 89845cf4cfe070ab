"""The penalty is too strong: it flattens the discriminator, which then tells nothing.

    penalty ≠ none with γ > strong,  |median D(x) − median D(G(z))| < gap late,  and the score is far from good

With γ → ∞ the penalised discriminator is constant (L. Mescheder et al., arXiv:1801.04406, section 4; T. Karras et al., arXiv:1912.04958,
appendix B, on choosing γ for each data set).
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case

FLAT = ("r1", "r2", "0-gp")
"""Penalties on the distance of the slope from 0."""


class PenaltyTooStrong(Ailment):
    """The penalty flattens the discriminator, which is at chance although the generated examples are far from the data.

    Args:
        gap: Largest |D(x) − D(G(z))|, in (0, 1).
        strong: γ above which a penalty is strong.
    """

    source = "Mescheder et al., arXiv:1801.04406, section 4; Karras et al., arXiv:1912.04958, appendix B"

    def __init__(self, gap: float = 0.25, strong: float = 100.0):
        self.gap, self.strong = gap, strong

    def look(self, case: Case) -> Finding | None:
        gamma = case.number("gamma")
        if (
            case.setting("penalty") not in FLAT
            or not gamma > self.strong
            or case.of_gan is None
            or not case.far
            or not abs(case.gap) < self.gap
        ):
            return None
        data, fake = case.of_gan
        evidence = (Evidence(f"{data} − {fake}", case.gap, "above 0 while the score is far from good"), Evidence("gamma", gamma, "1 to 10"))
        cause = "the penalty outweighs the discriminator's loss"
        return Finding(evidence, cause, {"gamma": 1.0}, 0.9, "a weaker penalty")
