"""Rotation without progress: the players chase each other around the solution.

    a player's loss is periodic over the late part of the run (see `arena.alarms.rotation`), and the score does not fall

Where the Jacobian of the field has eigenvalues that are almost imaginary, descent of both players rotates. Rules that look ahead damp the
rotation: G. Gidel et al., "A Variational Inequality Perspective on Generative Adversarial Networks", arXiv:1802.10551; L. Mescheder et
al., "The Numerics of GANs", arXiv:1705.10461.
"""

import numpy as np

from arena.alarms.rotation import period
from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case

ROWS = 96
"""Points, evenly spaced in turns, at which a loss is read."""


class AimlessRotation(Ailment):
    """The players' losses go round periodically, and the score stands still, far from good.

    Args:
        fall: Least fall of the score between two thirds of the run that counts as progress, in (0, 1).
    """

    source = "Gidel et al., arXiv:1802.10551; Mescheder et al., arXiv:1705.10461"

    def __init__(self, fall: float = 0.3):
        self.fall = fall

    def look(self, case: Case) -> Finding | None:
        if not case.far or case.status == "diverged" or case.ceiling > 0:
            return None
        before, after = case.late("score", 0.3, 0.6), case.late("score", 0.7)
        if not (1 - self.fall) * before < after < 3 * before:
            return None
        for role in case.roles:
            turns, losses = case.of(f"{role}.loss")
            late = turns >= case.turns / 3
            if late.sum() < 16:
                continue
            even = np.linspace(turns[late][0], turns[-1], min(ROWS, int(late.sum())))
            rows = period(np.interp(even, turns, losses))
            if rows is not None:
                every = f"goes round every {rows * (even[1] - even[0]):.0f} turns"
                return self._finding(case, Evidence(f"{role}.loss", every, "no period", int(even[0])), after)
        return None

    def _finding(self, case: Case, rotation: Evidence, score: float) -> Finding:
        evidence = (rotation, Evidence("score", score, case.goal))
        cause = "each player follows the other, and the field turns about the solution"
        if case.setting("rule") == "extragradient":
            slower = {f"{role}.lr": case.rate(role) / 3 for role in case.roles}
            return Finding(evidence, cause, slower, 0.6, "lower rates for both")
        change = {"rule": "extragradient", "scheduler": "simultaneous"}
        return Finding(evidence, cause, change, 0.8, "a rule that looks ahead, with both players moving at once")
