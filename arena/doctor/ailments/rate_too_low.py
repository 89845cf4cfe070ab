"""A learning rate that is too low, for one player or both.

    the rate of an adaptive optimizer is below `low`, so that no parameter can move farther than rate · moves,
    while the score is far from good

The bound on an adaptive step: D. P. Kingma and J. Ba, arXiv:1412.6980, section 2.1. Weights of a net begin at about 1/√width and have to
move by about as much.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class RateTooLow(Ailment):
    """A player's learning rate is too low: it hardly leaves its beginning.

    Args:
        low: Rate of an adaptive optimizer that is low, above 0.
        reach: Largest rate · moves of a player that has hardly moved.
        better: Rate that is prescribed if the other player's is low as well.
    """

    source = "Kingma and Ba, arXiv:1412.6980, section 2.1"

    def __init__(self, low: float = 5e-5, better: float = 1e-3):
        self.low, self.better = low, better

    def look(self, case: Case) -> Finding | None:
        if not case.far:
            return None
        rates = {role: case.rate(role) for role in case.roles if case.adaptive(role) and 0 < case.rate(role) <= self.low}
        if not rates:
            return None
        who = min(rates, key=lambda role: rates[role])
        other = next(role for role in case.roles if role != who)
        rate = case.rate(other) if self.low < case.rate(other) <= 5 * self.better else self.better
        evidence = [Evidence(f"{who}.lr", rates[who], "1e-4 to 2e-3")]
        if case.path(other) > 5 * case.path(who) > 0:
            told = f"{case.path(who) / case.path(other):.2g} times as long a path as that of the {other}"
            evidence.append(Evidence(f"{who}.update_norm", told, "a similar one"))
        change = {f"{role}.lr": rate for role in rates}
        return Finding(tuple(evidence), f"the {who} hardly moves", change, 0.85, f"a higher rate of the {' and the '.join(rates)}")
