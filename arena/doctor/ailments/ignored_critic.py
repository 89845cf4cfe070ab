"""A critic that is ignored: it tells what is generated, and the coupling is too small for that to count.

    λ < small,  and the critic's mean probabilities of data and of answers are apart, while the score is far from good

In a loss E‖f(x) − y‖² + λ·(adversarial term), a small λ leaves the squared error alone, whose answer is the mean: P. Isola et al.,
arXiv:1611.07004, section 3.1; M. Mathieu et al., arXiv:1511.05440.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case

PAIRS = (("game.D(x,y)", "game.D(x,f(x))"), ("game.D(x)", "game.D(G(z))"))


class IgnoredCritic(Ailment):
    """The critic tells what is generated, but the coupling is too small for that to count.

    Args:
        small: Coupling below which the critic counts little, in (0, 1).
        gap: Least difference of the critic's mean probabilities, in (0, 1).
        far: Multiple of the score of real data above which the answers are far from the data.
    """

    source = "Isola et al., arXiv:1611.07004, section 3.1; Mathieu et al., arXiv:1511.05440"

    def __init__(self, small: float = 0.03, gap: float = 0.2, far: float = 2.0):
        self.small, self.gap, self.far = small, gap, far

    def look(self, case: Case) -> Finding | None:
        pair = next((pair for pair in PAIRS if len(case.of(pair[0])[1])), None)
        coupling = case.late("coupling")
        if pair is None or not 0 < coupling < self.small or case.setting("coupling", "constant") != "constant":
            return None
        apart, score = case.late(pair[0]) - case.late(pair[1]), case.late("score", 0.8)
        if not apart > self.gap or not score > self.far * case.ceiling:
            return None
        evidence = (
            Evidence("coupling", coupling, "0.05 to 1"),
            Evidence(
                pair[1], case.late(pair[1]), f"near that of the data, {case.late(pair[0]):.3g}", case.since(pair[1], lambda v: v < 0.5)
            ),
        )
        second = case.roles[1]
        change = {"coupling.value": 0.2}
        return Finding(evidence, f"the {second} counts too little in the loss of the {case.roles[0]}", change, 0.9, "a stronger coupling")
