"""Mode collapse to a point: all generated examples are nearly the same.

    median spread < share late in the run            spread = total standard deviation of generated examples over that of the data

For one discriminator that stands still, the generator's best answer is the single point that it holds for most real: L. Metz et al.,
"Unrolled Generative Adversarial Networks", arXiv:1611.02163, section 2; so a generator that moves much more than the discriminator
collapses.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case
from arena.doctor.imbalance import first_outruns


class CollapseToPoint(Ailment):
    """The generator has collapsed: all its examples are nearly the same.

    Args:
        share: Spread below which a generator has collapsed, in (0, 1).
    """

    source = "Metz et al., arXiv:1611.02163, section 2"

    def __init__(self, share: float = 0.4):
        self.share = share

    def look(self, case: Case) -> Finding | None:
        spread = case.late("game.spread")
        if not spread < self.share or not case.far:
            return None
        first, second = case.roles
        since = case.since("game.spread", lambda values: values < self.share)
        evidence = (Evidence("game.spread", spread, "near 1", since), Evidence("score", case.late("score", 0.8), case.goal))
        if (found := first_outruns(case)) is not None:
            return Finding(evidence, **found, severity=0.9 if "scheduler.ratio" in found["change"] else 0.7)
        return Finding(evidence, f"the {second} is too slow for the {first}", {"scheduler.ratio": 3}, 0.4, f"more moves of the {second}")
