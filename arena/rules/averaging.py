"""Averaging of iterates: any rule plays, and a running average is kept beside the live iterate, which stays unchanged.

    exponential    m ← βm + (1 − β)z           with m = z at the start
    uniform        m ← m + (z − m)/t           the mean of the t iterates so far

On f = xy the uniform average of alternating descent converges though the iterates circle (the ergodic average; A. Nemirovski, 2004); for
GANs: Y. Yazıcı et al., "The Unusual Effectiveness of Averaging in GAN Training", arXiv:1806.04498.

Running statistics and other buffers belong to a player as well. They are copied from the live player, as in the code of StyleGAN (T. Karras
et al., arXiv:1812.04948) and in `torch.optim.swa_utils.AveragedModel`, or averaged like parameters, as in that of BigGAN (A. Brock et al.,
arXiv:1809.11096).
"""

from typing import Literal

from arena.core.directions import Direction, plus
from arena.core.field.field import Field
from arena.errors import check_choice, check_number
from arena.rules.base import UpdateRule
from arena.rules.turn import Turn
from arena.rules.wrapper import Wrapper


class Averaging(Wrapper):
    """The inner rule plays; scores and pictures use the average of its iterates, or of one player's.

    Cost: the inner rule's. The live iterate equals the inner rule's bit for bit.

    Args:
        inner: The rule that plays; simultaneous by default.
        average: exponential (a moving average) or uniform (the mean since `start`).
        decay: β of the exponential average, in [0, 1).
        start: Turns before the average begins, at least 0.
        role: Role whose iterates are averaged, such as generator; both by default.
        buffers: copied from the live player, or averaged with its parameters. In evaluation mode, batch normalisation uses the running
            statistics of a player that has moved on if they are copied.

    Raises:
        BadSetting: A number is out of its range.
        UnknownName: The game lacks the role (raised when the rule is attached).
    """

    also = ("ema",)
    may_differ = ("start",)

    def __init__(
        self,
        inner: UpdateRule | None = None,
        average: Literal["exponential", "uniform"] = "exponential",
        decay: float = 0.999,
        start: int = 0,
        role: str = "both",
        buffers: Literal["copied", "averaged"] = "copied",
    ):
        check_choice("average", average, ["exponential", "uniform"])
        check_choice("buffers", buffers, ["copied", "averaged"])
        check_number("decay", decay, least=0, below=1)
        check_number("start", start, least=0, whole=True)
        super().__init__(inner)
        self.average, self.decay, self.start, self.role, self.buffers = average, decay, start, role, buffers

    def attach(self, field: Field | None) -> None:
        if field is not None:
            check_choice("role", self.role, ["both", *field.game.roles])
        super().attach(field)

    def step(self, turn: Turn) -> None:
        roles = [role for role in turn.roles if self.role in ("both", role)]
        here = {name: p.detach() for name, p in turn.field.moving.items() if turn.field.role_of(name) in roles}
        if self.buffers == "averaged":
            here |= turn.field.statistics_of(roles)
        if self.average == "exponential":
            self.remember("average", here, where=self.turns == self.start)
        super().step(turn)
        late = self.turns > self.start
        if late is not False:
            mean = self.recall("average", here, here)
            weight = 1 - self.decay if self.average == "exponential" else 1 / (self.turns - self.start)
            self.remember("average", plus(mean, plus(here, mean, -1.0), weight), where=late)

    def evaluated_parameters(self) -> Direction | None:
        average = self.kept("average")
        if average is None or self.buffers == "copied":
            return average
        return {name: t if name in self.field.named else t.clone() for name, t in average.items()}  # a forward in training mode writes
