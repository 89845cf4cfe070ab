"""The duality gap: how much each player could still gain if the other stood still.

    gap(x, y) = [L₁(x, y) − min_x′ L₁(x′, y)] + [L₂(x, y) − min_y′ L₂(x, y′)]

It is 0 exactly where no player can improve alone. In a zero-sum game it is max_y′ f(x, y′) − min_x′ f(x′, y), the gap of duality
(Grnarova et al. 2019, arXiv:1811.05512). The minima are sought by k steps of Adam from where the player stands, and the lowest loss
on the way is taken, so the number is a lower bound of the gap on the batch, never below 0, and never falls as k grows.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from arena.core.field.field import Field
from arena.core.game import Game
from arena.core.protocols import MeasuredGame
from arena.diagnostics.base import Cost, Diagnostic
from arena.errors import check_number
from arena.players.base import hooks


class DualityGap(Diagnostic):
    """What both players could gain alone (`gap`), and each of them under its role, by k steps of best response.

    Where a loss has no lower bound, as in f = xy, the number only says how far k steps get. A player's projection, such as weight
    clipping, is kept to; the losses of a player's parts are added.

    Cost: `steps` gradient evaluations for each part that moves, and `steps + 1` losses for each player.

    Args:
        steps: steps k of each best response, at least 1.
        lr: learning rate of its Adam, above 0.

    Raises:
        BadSetting: for a number out of its range.

    Example:
        >>> from arena import Arena
        >>> from arena.games import Quadratic
        >>> gap = DualityGap(steps=20).measure(Arena(Quadratic))
        >>> sorted(gap), gap["gap"] > 0
        (['gap', 'x', 'y'], True)
    """

    def __init__(self, steps: int = 100, lr: float = 1e-2):
        check_number("steps", steps, least=1, whole=True)
        check_number("lr", lr, above=0)
        self.steps, self.lr = int(steps), lr

    def measure(self, arena: MeasuredGame) -> dict[str, float]:
        gains = {}
        for role in arena.game.roles:
            with self.looking(arena) as field:
                gains[role] = self._gain(field, role)
        return {"gap": sum(gains.values()), **gains}

    def cost(self, game: Game) -> Cost:
        return Cost(gradient_evaluations=self.steps * len(game.keys))

    def _gain(self, field: Field, role: str) -> float:
        """What the player's loss falls by within k steps on its own; moves it."""
        keys = field.game.keys_of(role)
        project = hooks(field.game.players[role], "project_")
        field.freeze(field.batch, field.coupling, keys, seed=0)
        # The optimizer works on copies, since the run's optimizer owns the parameters and what stands in their .grad.
        own = {name: p.detach().clone() for name, p in field.moving.items()}
        adam = torch.optim.Adam(own.values(), lr=self.lr)
        losses = []
        for _ in range(self.steps):
            field.first = None  # so that the losses are those of this step
            gradients = field.gradients()
            losses.append(_total(field, keys))
            for name, copy in own.items():
                copy.grad = gradients[name]
            adam.step()
            with torch.no_grad():
                _copy(own, field.moving)
                for project_ in project:
                    project_(field.batch)
                if project:
                    _copy(field.moving, own)
        with torch.no_grad(), field.same_masks():
            last = field.game(field.batch, field.coupling, keys)
        losses.append(torch.stack([last[key] for key in keys]).sum())
        first, *rest = torch.stack(losses).tolist()
        return first - min(first, *rest)


def _total(field: Field, keys: tuple[str, ...]) -> Tensor:
    assert field.first is not None
    return torch.stack([field.first[0][key].detach() for key in keys]).sum()


def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
