"""The domain classifier is at chance because it is too weak, and not because the features are aligned: both look alike at ln 2.

    median L_d ≥ ln 2 − below,  but another classifier tells the domains apart: proxy A-distance > apart

The proxy A-distance d_A = 2(1 − 2ε), with ε the error of a fresh classifier of the domains on the features, is 2 if the domains are apart
and 0 if they are alike: S. Ben-David et al., "Analysis of Representations for Domain Adaptation", NIPS 2006; Y. Ganin et al.,
arXiv:1505.07818, section 5.1.5. A domain classifier that plays its part stays a little below ln 2.
"""

import math

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class DomainClassifierWeak(Ailment):
    """The domain classifier is at chance although the features tell the domains apart.

    Args:
        below: Largest distance of the domain loss below ln 2.
        apart: Proxy A-distance from which the features tell the domains apart, in (0, 2).
    """

    source = "Ben-David et al., NIPS 2006; Ganin et al., arXiv:1505.07818, section 5.1.5"

    def __init__(self, below: float = 0.01, apart: float = 0.6):
        self.below, self.apart = below, apart

    def look(self, case: Case) -> Finding | None:
        loss, distance = case.late("game.domain_loss", 0.4), case.late("metrics.proxy-a-distance", 0.4)
        if not loss >= math.log(2) - self.below or not distance > self.apart or case.setting("regime") != "adapt":
            return None
        second = case.roles[1]
        since = case.since("game.domain_loss", lambda values: values >= math.log(2) - 2 * self.below)
        evidence = (
            Evidence("game.domain_loss", loss, "a little below ln 2, 0.693", since),
            Evidence("metrics.proxy-a-distance", distance, f"below {self.apart:g} if the features were aligned"),
        )
        hidden = case.setting(f"{second}.hidden")
        if case.rate(second) < case.rate(case.roles[0]) / 10:
            change = {f"{second}.lr": case.rate(case.roles[0])}
            return Finding(evidence, f"the {second} classifier learns too slowly", change, 0.9, "the extractor's rate for it")
        if isinstance(hidden, (list, tuple)) and max(hidden, default=0) < 16:
            return Finding(evidence, f"the {second} classifier is too narrow", {f"{second}.hidden": (64,)}, 0.9, "a wider one")
        return Finding(
            evidence, f"the {second} classifier is too weak", {f"{second}.lr": 3 * case.rate(second)}, 0.6, "a higher rate for it"
        )
