"""λ too early: the players are coupled at full strength before the features say anything.

    λ is constant and at least `strong` from the first turn,  and the target's error is still large when the source is learned

Y. Ganin et al., arXiv:1505.07818, section 5.2.2, raise λ from 0 to 1 "in order to suppress noisy signal from the domain classifier at the
early stages of the training procedure". Aligned before they are learned, classes can be aligned crosswise.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class EarlyCoupling(Ailment):
    """The coupling is strong from the first turn, before there are features that are worth aligning.

    Args:
        strong: Coupling that is strong, in (0, 1].
        error: Error on the target that is large, in (0, 1).
    """

    source = "Ganin et al., arXiv:1505.07818, section 5.2.2"

    def __init__(self, strong: float = 0.5, error: float = 0.2):
        self.strong, self.error = strong, error

    def look(self, case: Case) -> Finding | None:
        early, late = case.late("coupling", 0.01, 0.1), case.late("score", 0.7)
        if case.setting("regime") != "adapt" or case.setting("coupling") != "constant" or not early >= self.strong:
            return None
        if not late > self.error:
            return None
        evidence = (
            Evidence("coupling", early, "rising from 0 to 1"),
            Evidence("score", late, f"below {self.error:g}, with an error of {1 - case.late('game.label_accuracy'):.3g} on the source"),
        )
        change = {"coupling": "dann-ramp"}
        return Finding(evidence, "features are aligned before they tell the classes apart", change, 0.85, "a coupling that rises from 0")
