"""Instance noise that is never annealed: the players compare blurred examples to the end.

    instance noise > 0 with a constant schedule,  and the score is far from good

Noise makes the supports overlap, and has to be annealed for the generator to learn the data themselves: C. K. Sønderby et al.,
arXiv:1610.04490, section 3.2; M. Arjovsky and L. Bottou, arXiv:1701.04862, section 3.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class ConstantInstanceNoise(Ailment):
    """Instance noise blurs the examples to the end of the run."""

    source = "Sønderby et al., arXiv:1610.04490, section 3.2; Arjovsky and Bottou, arXiv:1701.04862"

    def __init__(self, gap: float = 0.1):
        self.gap = gap

    def look(self, case: Case) -> Finding | None:
        sigma = case.number("instance_noise")
        constant = case.setting("instance_noise_schedule", "constant") == "constant"
        if not sigma > 0 or not constant or not case.far or case.of_gan is None or abs(case.gap) > self.gap:
            return None
        evidence = (
            Evidence("score", case.late("score", 0.8), case.goal),
            Evidence("instance_noise", sigma, "falling to 0 during a run"),
            Evidence(" − ".join(case.of_gan), case.gap, "above 0 while the score is far from good"),
        )
        change = {"instance_noise_schedule": "linear"}
        return Finding(evidence, "the noise hides what is left to learn", change, 0.9, "noise that falls to 0 during the run")
