"""Dominance: one player has nothing left to learn, and the other does not improve.

    Lᵢ < share · Lᵢ(0)  and  Lⱼ > Lⱼ(0) > 0

with L(0) the losses of the first turn in which a player moved. The condition is meant for losses that start above 0 and cannot fall
below it, such as those of a GAN except Wasserstein and hinge; with other losses, such as those of a zero-sum game, it never holds.
"""

from arena.alarms.base import Alarm, TraceView
from arena.errors import check_number


class Dominance(Alarm):
    """Raised if one player's loss is close to 0 while the other's is above its first value.

    Args:
        share: Bound of the winner's loss as a share of its first loss, in (0, 1).

    Raises:
        BadSetting: A number is out of its range.
    """

    def __init__(self, share: float = 0.05, patience: int = 5):
        super().__init__(patience)
        check_number("share", share, above=0, below=1)
        self.share = share

    def look(self, view: TraceView) -> str | None:
        losses = view.of_players("loss")
        for winner, (now, began) in losses.items():
            losers = [key for key in losses if key.partition(".")[0] != winner.partition(".")[0]]
            if 0 <= now < self.share * began and losers and all(losses[key][0] > losses[key][1] > 0 for key in losers):
                loser = losers[0]
                return (
                    f"{winner} has nothing left to learn (loss {now:.2g}, {began:.2g} at the start) while that of {loser} rose from "
                    f"{losses[loser][1]:.2g} to {losses[loser][0]:.2g}"
                )
        return None
