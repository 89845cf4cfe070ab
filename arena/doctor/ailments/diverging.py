"""Divergence: a number is not finite, or the score is many times the first one.

    status diverged,  or  median late score > times · score₀

The player that was first is the one whose updates grew most before that. Steps longer than 2/L, L the largest curvature, grow (Y. Nesterov,
"Introductory Lectures on Convex Optimization", 2004, section 1.2.3); in games, simultaneous steps of any size grow where the field only
rotates (P. Mertikopoulos et al., arXiv:1709.02738).
"""

import re

import numpy as np

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class Diverging(Ailment):
    """A player's numbers are no longer finite, or the score has grown far above its beginning.

    Args:
        times: Factor on the first score, above 1.
    """

    source = "Nesterov, Introductory Lectures on Convex Optimization; Mertikopoulos et al., arXiv:1709.02738"
    short = True

    def __init__(self, times: float = 3.0):
        self.times = times

    def look(self, case: Case) -> Finding | None:
        first, last = case.first("score"), case.late("score", 0.8)
        if case.status != "diverged" and not last > self.times * first > 0:
            return None
        growth = {role: self._growth(case, role) for role in case.roles}
        reason = str(case.end.get("reason", ""))
        named = re.match(r"the (\S+)'s ", reason)
        who = named[1] if named and named[1] in case.roles else max(case.roles, key=lambda role: growth[role])
        turn = case.since("score", lambda scores: scores > self.times * first)
        what = reason or f"{last:.3g}, {last / first:.3g} times the first"
        evidence = [Evidence("the run" if reason else "score", what, "finite" if reason else case.goal, turn if not reason else 0)]
        if np.isfinite(growth[who]) and growth[who] > 1:
            evidence.append(Evidence(f"{who}.update_norm", f"{growth[who]:.3g} times its first", "falling"))
        rate, other = case.rate(who), next(role for role in case.roles if role != who)
        steep = case.adaptive(who) or case.ceiling > 0
        if not steep and case.status != "diverged" and case.setting("rule") == "simultaneous":
            change = {"rule": "extragradient", "scheduler": "simultaneous"}
            cause = f"the field rotates, and steps of the {who} lead outwards"
            return Finding(tuple(evidence), cause, change, 0.7, "a rule that looks ahead, with both players moving at once")
        factor = 30 if case.status == "diverged" else 10
        cause = f"steps of the {who} are too long; it diverged before the {other}"
        return Finding(tuple(evidence), cause, {f"{who}.lr": rate / factor} if rate > 0 else {}, 0.75, f"a lower rate of the {who}")

    @staticmethod
    def _growth(case: Case, role: str) -> float:
        values = case.of(f"{role}.update_norm")[1]
        start = values[: max(1, len(values) // 4)]
        return float(values.max() / max(float(np.median(start)), 1e-30)) if len(values) else 0.0
