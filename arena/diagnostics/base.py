"""What a diagnostic is, and how it looks at a game without leaving footprints.

A diagnostic has a field of its own, frozen on a batch that is drawn once from a generator of its own. So its numbers are comparable
from one measurement to the next and from run to run, and neither the run's random streams nor its counts notice.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch

from arena.core.field.field import Field
from arena.core.game import Batch, Game
from arena.core.preserve import preserve_state
from arena.core.protocols import MeasuredGame
from arena.core.rng import Rng
from arena.errors import ArenaError, GameFault
from arena.players.base import hooks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class MeasurementFailed(ArenaError):
    """A measurement that gave no number this time; the run goes on, and its trace says why."""

    exit_code = 1


class Cost(NamedTuple):
    """What measurements cost, in the counts of `Field`.

    Args:
        gradient_evaluations: gradients of one player's loss.
        products: products of one mover's rows of the field's Jacobian, or of its transpose.
        at_most: True where the counts are bounds, since an iteration decides.
    """

    gradient_evaluations: int = 0
    products: int = 0
    at_most: bool = False


class Diagnostic:
    """Numbers about where the players of a game stand; override `measure` and `cost`, and open `looking` for the field.

    The class docstring has a line `Cost:` that says in words what `cost` says in numbers.

    Attributes:
        spent: what all measurements so far have cost.

    Example:
        >>> class Slope(Diagnostic):
        ...     def measure(self, arena):
        ...         with self.looking(arena) as field:
        ...             return {"norm": float(torch.cat([g.flatten() for g in field.gradients().values()]).norm())}
        ...     def cost(self, game):
        ...         return Cost(gradient_evaluations=len(game.keys))
        >>> from arena import Arena
        >>> from arena.games import Bilinear
        >>> slope, arena = Slope(), Arena(Bilinear)
        >>> sorted(slope.measure(arena)), slope.spent, arena.field.gradient_evaluations
        (['norm'], Cost(gradient_evaluations=2, products=0, at_most=False), 0)
    """

    _arena_kind: ClassVar[str] = "diagnostic"
    spent: Cost = Cost()
    _field: Field | None = None
    _batch: Batch = None

    def measure(self, arena: MeasuredGame) -> dict[str, float]:
        """The numbers at this moment by name; not finite where they are undefined, and left out where there are none yet.

        Raises:
            MeasurementFailed: where there is no answer this time.
        """
        raise GameFault(f"the diagnostic {type(self).__name__} has no measure(arena); write one that returns numbers by name")

    def cost(self, game: Game) -> Cost:
        """What the next measurement costs on that game."""
        raise GameFault(f"the diagnostic {type(self).__name__} has no cost(game); write one that returns a Cost")

    def figure(self, arena: MeasuredGame) -> "Figure | None":
        """A figure of the latest measurement, or None."""
        return None

    def check(self, game: Game) -> None:
        """Refuse a game on which this means nothing, before anything starts.

        Raises:
            ArenaError: with what was found and what is needed.
        """

    def state_dict(self) -> dict[str, Any]:
        """What is remembered from one measurement to the next, as tensors, numbers and strings."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""

    @contextlib.contextmanager
    def looking(self, arena: MeasuredGame) -> Iterator[Field]:
        """The field of all players on the fixed batch, at the coupling in force; whatever happens inside is undone."""
        if self._field is None or self._field.game is not arena.game:  # every episode has its own game
            self._field, self._batch = Field(arena.game), None
        field = self._field
        with preserve_state(arena.game), field.statistics_at_rest(), arena.on_device():
            if self._batch is None:
                self._batch = arena.sample(Rng(arena.device).seed_both(0, 1))
            for on_batch in hooks(arena.game.players, "on_batch"):  # what a player keeps of its own batch means nothing on this one
                on_batch(self._batch)
            field.freeze(self._batch, arena.latest_coupling * arena.game.max_coupling, seed=0)
            before = field.gradient_evaluations, field.products
            try:
                with torch.enable_grad():
                    yield field
            finally:
                self.spent = Cost(
                    self.spent.gradient_evaluations + field.gradient_evaluations - before[0],
                    self.spent.products + field.products - before[1],
                )
                field.first = None  # it holds on to the graph of the losses


def parameters_in(game: Game) -> int:
    """How many numbers the players of a game are made of."""
    return sum(p.numel() for p in game.parameters())
