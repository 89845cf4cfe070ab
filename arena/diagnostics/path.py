"""Path-angle and path-norm: the field along the straight line between two positions of the players.

    z_α = (1 − α) z_old + α z_new,   angle(α) = ⟨z_new − z_old, v(z_α)⟩ / (‖z_new − z_old‖ ‖v(z_α)‖),   norm(α) = ‖v(z_α)‖

v is the field of gradients. At −1 descent moves straight towards the new position, at +1 straight away from it. If the new position
attracts, the sign switches from − to + near α = 1; a bump that stays away from ±1 there is rotation (Berard et al. 2020, arXiv:1906.04848).
"""

import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from arena.core.directions import dot
from arena.core.field.field import Field
from arena.core.game import Game
from arena.core.protocols import MeasuredGame
from arena.diagnostics.base import Cost, Diagnostic
from arena.errors import BadSetting, check_number
from arena.trace.checkpoint import Checkpoints

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Curve(NamedTuple):
    """The field along a line.

    Args:
        alphas: α of each point.
        angles: Cosine between the line and the field; not a number if the field vanishes.
        norms: Norm of the field.
        length: ‖z_new − z_old‖.
    """

    alphas: np.ndarray
    angles: np.ndarray
    norms: np.ndarray
    length: float


class Path(Diagnostic):
    """The field along the line from the position of the previous measurement to the present one, for α in [−½, 1½].

    `length` = ‖z_new − z_old‖; `angle_old`, `angle_new`, `norm_old` and `norm_new` are cosines and norms at α = 0 and α = 1;
    `largest_change` is the largest change of the cosine between neighbouring points. The first measurement has no numbers.

    Cost: `points` gradient evaluations for each part that moves, and none at the first measurement.

    Args:
        points: Points on the line, one more than a multiple of 4, so that α = 0 and α = 1 are among them.

    Raises:
        BadSetting: `points` is not one more than a multiple of 4.

    Example:
        >>> from arena import Arena
        >>> from arena.games import Quadratic
        >>> path, arena = Path(points=9), Arena(Quadratic)
        >>> path.measure(arena)
        {}
        >>> arena.play_turn((1.0, 1.0, 1.0))
        >>> path.measure(arena)["angle_old"] < 0
        True
    """

    def __init__(self, points: int = 41):
        check_number("points", points, least=5, whole=True)
        if points % 4 != 1:
            raise BadSetting("points", points, "one more than a multiple of 4, such as 41, so that α = 0 and α = 1 are among them")
        self.points = int(points)
        self._previous: dict[str, Tensor] | None = None
        self._turns = (0, 0)
        self._curve: Curve | None = None

    def measure(self, arena: MeasuredGame) -> dict[str, float]:
        present = {name: p.detach().clone() for name, p in arena.game.named_parameters()}
        previous, self._previous, self._curve = self._previous, present, None
        self._turns = self._turns[1], arena.turns_played
        if previous is None:
            return {}
        with self.looking(arena) as field:
            curve = self._curve = along(field, {name: p.to(present[name]) for name, p in previous.items()}, present, self.points)
        old, new = self.points // 4, 3 * (self.points // 4)
        changes = np.abs(np.diff(curve.angles))
        return {
            "length": curve.length,
            "angle_old": float(curve.angles[old]),
            "angle_new": float(curve.angles[new]),
            "norm_old": float(curve.norms[old]),
            "norm_new": float(curve.norms[new]),
            "largest_change": float(np.nanmax(changes)) if np.isfinite(changes).any() else float("nan"),
        }

    def cost(self, game: Game) -> Cost:
        return Cost() if self._previous is None else Cost(gradient_evaluations=self.points * len(game.keys))

    def figure(self, arena: MeasuredGame) -> "Figure | None":
        from arena.diagnostics import figures

        curve = self._curve
        old, new = (f"turn {turn:,}" for turn in self._turns)
        return None if curve is None or not curve.length else figures.path(curve.alphas, curve.angles, curve.norms, old, new)

    def state_dict(self) -> dict[str, Any]:
        return {"previous": self._previous, "turn": self._turns[1]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._previous, self._turns = state["previous"], (0, state["turn"])


def along(field: Field, old: Mapping[str, Tensor], new: Mapping[str, Tensor], points: int = 41) -> Curve:
    """Return the field at evenly spaced points of the line through two positions, from α = −½ to α = 1½."""
    line = {name: new[name] - old[name] for name in field.moving}
    alphas = torch.linspace(-0.5, 1.5, points, dtype=torch.float64)
    rows = []
    for alpha in alphas.tolist():
        v = field.gradients({name: old[name] + alpha * step for name, step in line.items()})
        rows.append(torch.stack([dot(line, v), dot(v, v)]))
    along_line, squares = torch.stack(rows).double().cpu().numpy().T
    length, norms = float(dot(line, line).double().sqrt()), np.sqrt(squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        angles = np.where(length * norms > 0, along_line / (length * norms), np.nan)
    return Curve(alphas.numpy(), np.clip(angles, -1, 1), norms, length)


def between(arena: MeasuredGame, old: str | pathlib.Path, new: str | pathlib.Path, points: int = 41) -> Curve:
    """Return the field along the line between two checkpoints, such as `checkpoints/turn-00000000.pt`, in an arena of their configuration.

    Raises:
        CheckpointUnusable: A checkpoint is damaged.
    """
    with Path(points).looking(arena) as field:
        return along(field, _position(arena.game, old), _position(arena.game, new), points)


def _position(game: Game, checkpoint: str | pathlib.Path) -> dict[str, Tensor]:
    file = pathlib.Path(checkpoint)
    state = Checkpoints(file.parent).load(file)["arena"]["game"]
    return {name: state[name].to(p) for name, p in game.named_parameters()}
