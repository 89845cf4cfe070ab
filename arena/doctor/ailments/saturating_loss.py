"""The saturating loss starves the generator: log(1 − D(G(z))) is flat where the discriminator is sure.

    loss = saturating,  median D(G(z)) < sure late,  and the score is far from good

I. Goodfellow et al., arXiv:1406.2661, section 3: "Early in learning, when G is poor, D can reject samples with high confidence […]. In this
case, log(1 − D(G(z))) saturates. Rather than training G to minimize log(1 − D(G(z))) we can train G to maximize log D(G(z))."
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class SaturatingLoss(Ailment):
    """The saturating loss is flat where the discriminator is sure, and starves the generator.

    Args:
        sure: D(G(z)) below which the loss is flat, in (0, ½).
    """

    source = "Goodfellow et al., arXiv:1406.2661, section 3"

    def __init__(self, sure: float = 0.25):
        self.sure = sure

    def look(self, case: Case) -> Finding | None:
        if case.setting("loss") != "saturating" or case.of_gan is None or not case.far:
            return None
        fake, norm = case.of_gan[1], f"{case.roles[0]}.gradient_norm"
        on_fake = case.late(fake, 0.2)
        if not on_fake < self.sure:
            return None
        since = case.since(fake, lambda values: values < self.sure)
        evidence = (
            Evidence(fake, on_fake, "near ½", since),
            Evidence(norm, case.late(norm), f"not far below its first, {case.first(norm):.3g}"),
        )
        return Finding(evidence, "the loss is saturating", {"loss": "non-saturating"}, 0.95, "the loss that is steep where D is sure")
