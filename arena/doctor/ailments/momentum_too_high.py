"""Momentum too high for the game: β₁ carries each player past where the other has gone.

    β₁ ≥ high for a player (or momentum ≥ high),  and the cosine of its successive updates is near 1 while the score is far from good

A. Radford et al., arXiv:1511.06434, section 4: β₁ = 0.5 instead of 0.9, which "resulted in training oscillation and instability"; in games
even negative momentum can be best: G. Gidel et al., arXiv:1807.04740.
"""

from typing import Any

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class MomentumTooHigh(Ailment):
    """The players' momentum is too high for a game, so that they overshoot each other.

    Args:
        high: β₁ from which momentum is high, in (0, 1).
        straight: Cosine of successive updates from which a player only goes straight on.
    """

    source = "Radford et al., arXiv:1511.06434, section 4; Gidel et al., arXiv:1807.04740"

    def __init__(self, high: float = 0.85, straight: float = 0.96):
        self.high, self.straight = high, straight

    def look(self, case: Case) -> Finding | None:
        if not case.far:
            return None
        evidence: list[Evidence] = []
        change: dict[str, Any] = {}
        for role in case.roles:
            betas, momentum = case.setting(f"{role}.betas"), case.number(f"{role}.momentum")
            cosine = case.late(f"{role}.update_cosine", 0.2)
            if isinstance(betas, (list, tuple)) and len(betas) == 2 and betas[0] >= self.high and cosine > self.straight:
                evidence += [
                    Evidence(f"{role}.update_cosine", cosine, "below 0.95"),
                    Evidence(f"{role}.betas", str(betas[0]), "β₁ of 0.5 or 0"),
                ]
                change[f"{role}.betas"] = (0.5, betas[1])
            elif momentum >= self.high:
                evidence.append(Evidence(f"{role}.momentum", momentum, "0"))
                change[f"{role}.momentum"] = 0.0
        if not change:
            return None
        return Finding(tuple(evidence), "momentum carries each player past the other", change, 0.85, "less momentum")
