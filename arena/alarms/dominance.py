"""Dominance: one player has nothing left to learn, and the other gets nowhere.

    Lᵢ < share · Lᵢ(0)  and  Lⱼ > Lⱼ(0) > 0

with L(0) the losses of the first turn in which a player moved. It is for losses that are positive at the start, whose floor is 0, such
as all but the Wasserstein and hinge losses of a GAN; of others, such as those of a zero-sum game, it says nothing.
"""

from arena.alarms.base import Alarm, Sight
from arena.errors import check_number


class Dominance(Alarm):
    """Rings where one player's loss is all but gone while the other's is above where it began.

    Args:
        share: of its first loss that the winner's is below, in (0, 1).
        patience: rows in which it must hold, one after the other, at least 1.

    Raises:
        BadSetting: for a number out of its range.
    """

    def __init__(self, share: float = 0.05, patience: int = 5):
        super().__init__(patience)
        check_number("share", share, above=0, below=1)
        self.share = share

    def look(self, sight: Sight) -> str | None:
        losses = sight.of_players("loss")
        for winner, (now, began) in losses.items():
            losers = [key for key in losses if key.partition(".")[0] != winner.partition(".")[0]]
            if 0 <= now < self.share * began and losers and all(losses[key][0] > losses[key][1] > 0 for key in losers):
                loser = losers[0]
                return (
                    f"{winner} has nothing left to learn (loss {now:.2g}, {began:.2g} at the start) while that of {loser} rose from "
                    f"{losses[loser][1]:.2g} to {losses[loser][0]:.2g}"
                )
        return None
