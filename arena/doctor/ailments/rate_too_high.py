"""A learning rate that is too high, for one player or the other.

    the rate of an adaptive optimizer is above `high`,  or the player's path is more than `ratio` times that of the other,
    while the score is far from good

An adaptive step moves each parameter by about its rate, whatever the loss: D. P. Kingma and J. Ba, arXiv:1412.6980, section 2.1, with 1e-3
as its default; GANs are trained at 1e-4 to 1e-3 (A. Radford et al., arXiv:1511.06434; M. Heusel et al., arXiv:1706.08500, who also give
the discriminator a rate of its own). Signed steps are those of an attack on pixels, whose length is no rate of a net.
"""

from arena.doctor.base import Ailment, Evidence, Finding
from arena.doctor.case import Case


class RateTooHigh(Ailment):
    """A player's learning rate is too high.

    Args:
        high: Rate of an adaptive optimizer that is high, above 0.
        ratio: Ratio of the players' paths that is large, above 1.
        better: Rate that is prescribed to a player of an adaptive optimizer.
    """

    source = "Kingma and Ba, arXiv:1412.6980; Radford et al., arXiv:1511.06434; Heusel et al., arXiv:1706.08500"

    def __init__(self, high: float = 4e-3, ratio: float = 8.0, better: float = 1e-3):
        self.high, self.ratio, self.better = high, ratio, better

    def look(self, case: Case) -> Finding | None:
        if not case.far:
            return None
        nets = [role for role in case.roles if case.adaptive(role) and case.setting(f"{role}.optimizer") != "sign"]
        rates = {role: case.rate(role) for role in nets if case.rate(role) >= self.high}
        if not rates:
            return None
        who = max(rates, key=lambda role: rates[role])
        other = next(role for role in case.roles if role != who)
        path, short = case.path(who), case.path(other)
        evidence = [Evidence(f"{who}.lr", rates[who], "1e-4 to 2e-3")]
        if path > self.ratio * short > 0:
            evidence.append(
                Evidence(f"{who}.update_norm", f"{path / short:.3g} times as long a path as that of the {other}", "a similar one")
            )
        rate = case.rate(other) if 1e-4 <= case.rate(other) < self.high else self.better
        cause = f"the {who} takes steps that are too long"
        return Finding(tuple(evidence), cause, {f"{who}.lr": rate}, 0.85, f"a lower rate of the {who}")
