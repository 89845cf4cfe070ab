"""The discriminator wins: it separates data from generated examples with certainty, and gives the generator no direction.

    median D(x) − median D(G(z)) > gap        over the late part of the run, while the score is far from good

If the supports of data and generated examples do not overlap, a perfect discriminator exists, and its gradient at the generated examples
vanishes or is noise: M. Arjovsky and L. Bottou, "Towards Principled Methods for Training Generative Adversarial Networks",
arXiv:1701.04862, theorems 2.1 to 2.4. A penalty on its slope at the data makes the game converge locally: L. Mescheder et al.,
arXiv:1801.04406, section 4.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case
from arena.doctor.imbalance import more_moves


class DiscriminatorWins(Ailment):
    """The discriminator tells data from generated examples with certainty, and the generator does not improve.

    Args:
        gap: Least D(x) − D(G(z)), in (0, 1).
    """

    source = "Arjovsky and Bottou, arXiv:1701.04862; Mescheder et al., arXiv:1801.04406"

    def __init__(self, gap: float = 0.45):
        self.gap = gap

    def look(self, case: Case) -> Finding | None:
        if case.of_gan is None or not case.logistic or not case.far or not case.gap > self.gap:
            return None
        data, fake = case.of_gan
        on_data, on_fake = case.late(data), case.late(fake)
        evidence = (
            Evidence(fake, on_fake, "near ½", case.since(fake, lambda values: values < 0.5 - self.gap / 2)),
            Evidence(data, on_data, "near ½"),
        )
        if (ratio := case.number("scheduler.ratio")) > 1:
            return Finding(evidence, **more_moves(ratio), severity=0.55)
        cause = "nothing bounds the discriminator's slope between data and generated examples"
        if case.setting("penalty", "none") == "none":
            return Finding(evidence, cause, {"penalty": "r1", "gamma": 1.0}, 0.55, "a penalty on the discriminator's slope at the data")
        change = {f"{case.roles[1]}.lr": case.rate(case.roles[1]) / 4}
        return Finding(evidence, "the discriminator learns faster than the generator", change, 0.5, "a slower discriminator")
