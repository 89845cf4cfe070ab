"""Mode hopping: the generator jumps from mode to mode, and the discriminator follows.

    the heaviest mode differs between at least `share` of the successive looks,  and few modes are covered

The generator moves all its examples to the mode that the discriminator holds for real, until that one has learned better: L. Metz et al.,
arXiv:1611.02163, section 2 and figure 2. Modes are counted at the looks of the metrics alone (`metrics.every`).
"""

import numpy as np

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case
from arena.doctor.imbalance import first_outruns


class ModeHopping(Ailment):
    """The generator jumps from mode to mode.

    Args:
        share: Least share of looks with another heaviest mode than at the look before, in (0, 1).
        few: Largest share of the modes that are covered, in (0, 1).
    """

    source = "Metz et al., arXiv:1611.02163, section 2, figure 2"

    def __init__(self, share: float = 0.5, few: float = 0.5):
        self.share, self.few = share, few

    def look(self, case: Case) -> Finding | None:
        heaviest = case.part("metrics.heaviest-mode", 0.2)
        covered, whole = case.late("metrics.modes-covered", 0.2), case.first("ceilings.modes-covered")
        if len(heaviest) < 4 or not case.far or not covered <= self.few * whole:
            return None
        jumps = float((np.diff(heaviest) != 0).mean())
        if jumps < self.share:
            return None
        told = f"another one in {100 * jumps:.0f} % of the looks"
        evidence = (
            Evidence("metrics.heaviest-mode", told, "rarely another one, or all modes covered"),
            Evidence("metrics.modes-covered", covered, f"{whole:.0f}, as of real data"),
        )
        if (found := first_outruns(case)) is not None:
            return Finding(evidence, **found, severity=0.88 if "scheduler.ratio" in found["change"] else 0.83)
        return Finding(
            evidence, "the players chase each other around the modes", {"penalty": "r1", "gamma": 1.0}, 0.5, "a penalty that damps"
        )
