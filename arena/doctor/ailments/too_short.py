"""The run is too short to say: it has too few rows or turns to be judged, or its score was still falling when it ended.

    fewer than 12 rows or 4 scores,  or fewer than `least` turns far from good
    with a score that fell by more than `fall` over the last two fifths of the run

A learning curve that still falls is no evidence against its settings: T. Domhan et al., "Speeding Up Automatic Hyperparameter Optimization
of Deep Neural Networks by Extrapolation of Learning Curves", IJCAI 2015.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import LEAST, Case


class TooShort(Ailment):
    """The run is too short to say what ails it.

    Args:
        least: Turns from which a run is not short.
        fall: Fall of the score, as a share, over the last two fifths of a run that is still going on.
        times: Factor on the turns in the prescription.
    """

    source = "Domhan et al., IJCAI 2015"
    short = True

    def __init__(self, least: int = 600, fall: float = 0.15, times: int = 10):
        self.least, self.fall, self.times = least, fall, times

    def look(self, case: Case) -> Finding | None:
        if case.status == "diverged":
            return None
        change = {"turns": max(self.times * case.turns, 1000)}
        if not case.long_enough:
            found = sum("score" in row for row in case.rows)
            few = (Evidence("rows", f"{len(case.rows)} rows and {found} scores", f"at least {LEAST} rows and 4 scores"),)
            return Finding(few, "too few turns, or too few rows of the trace", change, 1.0, "more turns")
        before, after = case.late("score", 0.3, 0.6), case.late("score", 0.85)
        if not case.far or case.turns >= self.least or case.late("score", 0.85) > case.first("score"):
            return None
        evidence = (
            Evidence("turns", case.turns, f"{self.least:,} or more"),
            Evidence("score", after, f"{case.goal}; {before:.3g} at half of the run"),
        )
        return Finding(evidence, "the run ended before the players could learn", change, 0.9, "more turns")
