"""The discriminator is too weak: it is at chance although the generated examples are far from the data.

    |median D(x) − median D(G(z))| < gap while the score is far from good,
    and the discriminator is narrow or moves less often than the generator

At the optimum of a GAN, D is ½ everywhere because the examples are alike (I. Goodfellow et al., arXiv:1406.2661, section 4.1). At chance
with examples that are not alike, it lacks width or moves too little; then its gradient is no direction for the generator.
"""

import math

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class DiscriminatorWeak(Ailment):
    """The discriminator is at chance although the generated examples are far from the data.

    Args:
        gap: Largest |D(x) − D(G(z))|, in (0, 1).
        narrow: Width of the widest hidden layer below which a discriminator is narrow.
    """

    source = "Goodfellow et al., arXiv:1406.2661, section 4.1"

    def __init__(self, gap: float = 0.25, narrow: int = 24):
        self.gap, self.narrow = gap, narrow

    def look(self, case: Case) -> Finding | None:
        if case.of_gan is None or not case.far or not abs(case.gap) < self.gap:
            return None
        data, fake = case.of_gan
        second = case.roles[1]
        evidence = (
            Evidence(f"{data} − {fake}", case.gap, "near 0 with a good score"),
            Evidence("score", case.late("score", 0.8), case.goal),
        )
        hidden = case.setting(f"{second}.hidden")
        widest = max(hidden, default=0) if isinstance(hidden, (list, tuple)) else math.inf
        if widest < self.narrow:
            return Finding(evidence, f"the {second} is too narrow", {f"{second}.hidden": (128, 128)}, 0.85, f"a wider {second}")
        ratio = case.number("scheduler.ratio")
        if ratio < -1:
            cause = f"the other player moves {-ratio:.0f} times as often"
            return Finding(evidence, cause, {"scheduler.ratio": 1}, 0.8, "one move of each player in turn")
        return None  # at chance for another reason, such as a run that is not over
