"""An overfit discriminator: it knows the training examples by heart.

    E D(training examples) − E D(held-out examples) > gap late in the run

On small data the discriminator holds held-out data for generated ones, and its feedback to the generator loses its meaning: T. Karras et
al., "Training Generative Adversarial Networks with Limited Data", arXiv:2006.06676, section 2, figure 1.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class OverfitDiscriminator(Ailment):
    """The discriminator knows the few training examples by heart.

    Args:
        gap: Least difference of the mean probabilities of training and of held-out examples, in (0, 1).
    """

    source = "Karras et al., arXiv:2006.06676, section 2"

    def __init__(self, gap: float = 0.1):
        self.gap = gap

    def look(self, case: Case) -> Finding | None:
        gap = case.late("metrics.held-out-gap")
        if not gap > self.gap:
            return None
        since = case.since("metrics.held-out-gap", lambda values: values > self.gap)
        evidence = [Evidence("metrics.held-out-gap", gap, "near 0", since)]
        if case.of_gan:
            evidence.append(Evidence(case.of_gan[0], case.late(case.of_gan[0]), "near ½"))
        cause = "too few training examples for this discriminator"
        if case.setting("penalty", "none") == "none":
            change = {"penalty": "r1", "gamma": 10.0}
            return Finding(tuple(evidence), cause, change, 0.9, "a penalty on the discriminator's slope at the data")
        return Finding(tuple(evidence), cause, {"gamma": 10 * case.number("gamma")}, 0.9, "a stronger penalty")
