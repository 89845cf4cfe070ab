"""The duality gap: the gain of each player if the other stood still.

    gap(x, y) = [L₁(x, y) − min_x′ L₁(x′, y)] + [L₂(x, y) − min_y′ L₂(x, y′)]

The gap is 0 exactly if no player can improve alone. In a zero-sum game it is max_y′ f(x, y′) − min_x′ f(x′, y) (Grnarova et al. 2019,
arXiv:1811.05512). The lowest loss in k steps of Adam estimates each minimum, so that the result is a lower bound of the gap on the batch,
never below 0, and never falls as k grows.
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
    """Gain of both players (`gap`), and of each under its role, by k steps of best response.

    For a loss without a lower bound, such as f = xy, the number depends on k. A player's projection, such as weight clipping, is applied;
    the losses of a player's parts are added.

    Cost: `steps` gradient evaluations for each part that moves, and `steps + 1` losses for each player.

    Args:
        steps: Steps k of each best response, at least 1.
        lr: Learning rate of Adam, above 0.

    Raises:
        BadSetting: A number is out of its range.

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
        """Return the decrease of the player's loss within k steps; the player is moved."""
        keys = field.game.keys_of(role)
        project = hooks(field.game.players[role], "project_")
        field.freeze(field.batch, field.coupling, keys, seed=0)
        # Adam steps copies, because the run's optimizer owns the parameters and their .grad.
        copies = {name: p.detach().clone() for name, p in field.moving.items()}
        adam = torch.optim.Adam(copies.values(), lr=self.lr)
        losses = []
        for _ in range(self.steps):
            field.first = None  # because the losses of this step are read below
            gradients = field.gradients()
            assert field.first is not None
            losses.append(_total(field.first[0], keys))
            for name, copy in copies.items():
                copy.grad = gradients[name]
            adam.step()
            with torch.no_grad():
                _copy(copies, field.moving)
                for project_ in project:
                    project_(field.batch)
                if project:
                    _copy(field.moving, copies)
        with torch.no_grad(), field.same_masks():
            losses.append(_total(field.game(field.batch, field.coupling, keys), keys))
        first, *rest = torch.stack(losses).tolist()
        return first - min(first, *rest)


def _total(losses: Mapping[str, Tensor], keys: tuple[str, ...]) -> Tensor:
    return torch.stack([losses[key].detach() for key in keys]).sum()


def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
