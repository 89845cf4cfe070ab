"""The domain classifier is at chance because the features are aligned, but classes are aligned crosswise.

    median L_d within `near` below ln 2, with a domain classifier that learns,  and the target's error is far above the source's

At ln 2 this looks like a domain classifier that is too weak, whose loss is not below ln 2 while another classifier tells the domains apart
(see `arena.doctor.ailments.domain_classifier_weak`). Equal distributions of features do not make equal classes: H. Zhao et al.,
arXiv:1901.09453, section 4.1; R. Shu et al., arXiv:1802.08735, section 3.
"""

import math

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class CrosswiseAlignment(Ailment):
    """The domain classifier is at chance because the features are aligned, but classes of one domain with others of the other.

    Args:
        near: Largest distance of the domain loss below ln 2.
        error: Error on the target that is large, in (0, 1).
    """

    source = "Zhao et al., arXiv:1901.09453, section 4.1; Shu et al., arXiv:1802.08735, section 3"

    def __init__(self, near: float = 0.1, error: float = 0.5):
        self.near, self.error = near, error

    def look(self, case: Case) -> Finding | None:
        loss, late = case.late("game.domain_loss", 0.4), case.late("score", 0.7)
        if case.setting("regime") != "adapt" or not late > self.error or not case.late("game.label_accuracy") > 0.9:
            return None
        if not math.log(2) - self.near < loss < math.log(2) - 0.005:
            return None
        evidence = (
            Evidence("game.domain_loss", loss, "a little below ln 2, 0.693: the features are aligned"),
            Evidence("score", late, f"close to that of the source, {1 - case.late('game.label_accuracy'):.3g}"),
        )
        change = {"coupling": "constant", "coupling.value": 0.05}
        return Finding(evidence, "the domains are so far apart that classes are aligned crosswise", change, 0.8, "a much smaller coupling")
