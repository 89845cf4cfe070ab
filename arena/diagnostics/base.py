"""Diagnostic: the base class, with a field that leaves the run unchanged.

The field is frozen on one batch from a random stream of the diagnostic, so that measurements are comparable within and between runs, and
the run's random streams and counts are not touched.
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
    """A measurement without a whole result; the run continues, and the reason is in the trace.

    Args:
        message: The reason.
        numbers: The numbers that were found nevertheless, by name; None if there are none, and nothing to draw.
    """

    exit_code = 1

    def __init__(self, message: str, numbers: Mapping[str, float] | None = None):
        super().__init__(message)
        self.numbers = numbers


class Cost(NamedTuple):
    """The cost of measurements, in the counts of `Field`.

    Args:
        gradient_evaluations: Gradients of one player's loss.
        products: Products with one mover's rows of the field's Jacobian or its transpose.
        at_most: Whether the counts are upper bounds, because an iteration decides.
    """

    gradient_evaluations: int = 0
    products: int = 0
    at_most: bool = False


class Diagnostic:
    """Base class of diagnostics; override `measure` and `cost`, and open `looking` for the field.

    The class docstring has a line `Cost:`, the result of `cost` in words.

    Attributes:
        spent: Cost of all measurements so far.

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
        """Return numbers by name, not finite if undefined, left out if not available yet; raise MeasurementFailed without a result."""
        raise GameFault(f"the diagnostic {type(self).__name__} has no measure(arena); write one that returns numbers by name")

    def cost(self, game: Game) -> Cost:
        """Return the cost of the next measurement of the game."""
        raise GameFault(f"the diagnostic {type(self).__name__} has no cost(game); write one that returns a Cost")

    def figure(self, arena: MeasuredGame) -> "Figure | None":
        """Return a figure of the latest measurement, or None."""
        return None

    def check(self, game: Game) -> None:
        """Raise ArenaError if the diagnostic is undefined for the game; called before the run starts."""

    def state_dict(self) -> dict[str, Any]:
        """Return the memory between measurements, as tensors, numbers and strings."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of `state_dict`."""

    @contextlib.contextmanager
    def looking(self, arena: MeasuredGame) -> Iterator[Field]:
        """Yield the field of all players on the fixed batch, at the present coupling; changes inside are undone."""
        if self._field is None or self._field.game is not arena.game:  # because each episode has its own game
            self._field, self._batch = Field(arena.game), None
        field = self._field
        with preserve_state(arena.game, seed=0), field.statistics_at_rest(), arena.on_device():
            if self._batch is None:
                self._batch = arena.sample(Rng(arena.device).seed_both(0, 1))
            for on_batch in hooks(arena.game.players, "on_batch"):  # replaces the players' state of another batch
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
                field.first = None  # frees the graph of the losses


def parameters_in(game: Game) -> int:
    """Return the number of parameters of the players."""
    return sum(p.numel() for p in game.parameters())
