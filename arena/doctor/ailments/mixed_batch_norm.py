"""Batch normalisation that mixes the domains: common statistics fit neither of them.

    the domains share batch normalisation,  and the inputs of its layers differ by more than `shift` standard deviations,
    while the target's error is large

Y. Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", arXiv:1603.04779; W.-G. Chang et al., arXiv:1906.03950. A
GAN of this project never mixes real and generated examples in one batch, for the same reason (S. Chintala et al., "How to Train a GAN?",
2016, no. 4).
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class MixedBatchNorm(Ailment):
    """Batch normalisation mixes two domains whose statistics differ.

    Args:
        shift: Least difference of the layers' inputs, in standard deviations, above 0.
        error: Error on the target that is large, in (0, 1).
    """

    source = "Li et al., arXiv:1603.04779; Chang et al., arXiv:1906.03950"

    def __init__(self, shift: float = 0.35, error: float = 0.08):
        self.shift, self.error = shift, error

    def look(self, case: Case) -> Finding | None:
        shift, late = case.late("metrics.statistics-shift", 0.4), case.late("score", 0.7)
        if case.setting("bn_mode") != "concat" or not shift > self.shift or not late > self.error:
            return None
        evidence = (
            Evidence("metrics.statistics-shift", shift, f"below {self.shift:g} standard deviations"),
            Evidence("score", late, f"below {self.error:g}"),
        )
        return Finding(evidence, "common statistics fit neither domain", {"bn_mode": "per_domain"}, 0.93, "statistics for each domain")
