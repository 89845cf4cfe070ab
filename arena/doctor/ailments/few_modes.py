"""Mode collapse to few modes: the generated examples are good, but they lack modes of the data.

    modes (or classes) covered late  ≤ share · those that real data cover,  and at least `good` of the examples are in a mode

The data's modes are counted as in I. Tolstikhin et al., arXiv:1701.02386; a generator drops modes that a steep discriminator does not let
it reach: H. Thanh-Tung and T. Tran, "Catastrophic forgetting and mode collapse in GANs", arXiv:1807.04015; N. Kodali et al.,
arXiv:1705.07215, section 2.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case

COUNTS = ("metrics.modes-covered", "metrics.classes-covered")


class FewModes(Ailment):
    """The generator covers few of the data's modes, and covers those well.

    Args:
        share: Largest share of the modes that are few, in (0, 1).
        good: Least share of generated examples that are in a mode, in [0, 1].
    """

    source = "Thanh-Tung and Tran, arXiv:1807.04015; Kodali et al., arXiv:1705.07215, section 2"

    def __init__(self, share: float = 0.8, good: float = 0.15):
        self.share, self.good = share, good

    def look(self, case: Case) -> Finding | None:
        name = next((name for name in COUNTS if len(case.part(name))), None)
        if name is None or not case.far:
            return None
        covered, whole = case.late(name), case.first(name.replace("metrics.", "ceilings."))
        quality = case.late("metrics.high-quality")
        if not 1 <= covered <= self.share * whole or quality < self.good:
            return None
        since = case.since(name, lambda values: values <= self.share * whole)
        evidence = [Evidence(name, covered, f"{whole:.0f}, as of real data", since)]
        if quality > 0:
            evidence.append(Evidence("metrics.high-quality", quality, "high only if the modes are covered as well"))
        cause = "a discriminator that is steep around the modes that the generator has found"
        if case.setting("penalty", "none") == "none":
            change = {"penalty": "r1", "gamma": 1.0}
            return Finding(tuple(evidence), cause, change, 0.82, "a penalty on the discriminator's slope at the data")
        rates = {f"{role}.lr": case.rate(role) / 3 for role in case.roles}
        return Finding(tuple(evidence), cause, rates, 0.82, "lower rates for both")
