"""The diagnostics of a run, from words such as `spectrum(mode=arnoldi,top=8)`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arena.core.game import Game
from arena.core.protocols import MeasuredGame
from arena.diagnostics.base import Cost, Diagnostic, MeasurementFailed
from arena.registry.construct import construct_all

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Diagnostics:
    """The diagnostics of one run by name.

    Args:
        words: Names with or without arguments.

    Example:
        >>> from arena import Arena
        >>> from arena.games import Bilinear
        >>> chosen = Diagnostics(["rotation", "distance"])
        >>> sorted(chosen.measure(Arena(Bilinear)))[:2]
        ['diagnostics.distance.total', 'diagnostics.distance.x']
        >>> chosen.spent
        Cost(gradient_evaluations=2, products=4, at_most=False)
    """

    def __init__(self, words: Sequence[str]):
        self.members: dict[str, Diagnostic] = construct_all("diagnostic", words)
        self._measured: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self.members)

    def check(self, game: Game) -> None:
        """Raise if a diagnostic is undefined for the game."""
        for diagnostic in self.members.values():
            diagnostic.check(game)

    @property
    def spent(self) -> Cost:
        """The cost of all measurements so far."""
        costs = [diagnostic.spent for diagnostic in self.members.values()]
        return Cost(sum(cost.gradient_evaluations for cost in costs), sum(cost.products for cost in costs))

    def measure(self, arena: MeasuredGame) -> dict[str, Any]:
        """Return all numbers by trace field; for a failed measurement, its numbers so far and the reason."""
        row: dict[str, Any] = {}
        self._measured = {}
        for name, diagnostic in self.members.items():
            try:
                numbers: Mapping[str, float] | None = diagnostic.measure(arena)
            except MeasurementFailed as error:  # one missing number must not end a long run
                numbers = error.numbers
                row[f"diagnostics.{name}.failure"] = str(error)
            if numbers is not None:
                row |= {f"diagnostics.{name}.{field}": value for field, value in numbers.items()}
                self._measured[name] = arena.turns_played
        spent = self.spent
        return row | {"diagnostics.gradient_evaluations": spent.gradient_evaluations, "diagnostics.products": spent.products}

    def figures(self, arena: MeasuredGame) -> Iterator[tuple[str, "Figure"]]:
        """Yield the figures of the measurements of this turn by the name of the diagnostic; never that of an earlier turn."""
        for name, turn in self._measured.items():
            if turn == arena.turns_played and (drawn := self.members[name].figure(arena)) is not None:
                yield name, drawn

    def state_dict(self) -> dict[str, Any]:
        """Return the costs and the memories of all diagnostics."""
        return {name: {"spent": list(one.spent), "memory": one.state_dict()} for name, one in self.members.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of `state_dict`."""
        for name, diagnostic in self.members.items():
            diagnostic.spent = Cost(*state[name]["spent"])
            diagnostic.load_state_dict(state[name]["memory"])
