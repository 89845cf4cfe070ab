"""The diagnostics that a run was asked for, told by words such as `spectrum(mode=arnoldi,top=8)`."""

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
        words: each a name with or without arguments.

    Raises:
        ArenaError: for a word that names none, and for a diagnostic that is named twice.

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

    def __bool__(self) -> bool:
        return bool(self.members)

    def check(self, game: Game) -> None:
        """Refuse a game on which one of them means nothing.

        Raises:
            ArenaError: with what was found and what is needed.
        """
        for made in self.members.values():
            made.check(game)

    @property
    def spent(self) -> Cost:
        """What all of them have cost so far."""
        return Cost(
            sum(made.spent.gradient_evaluations for made in self.members.values()),
            sum(made.spent.products for made in self.members.values()),
        )

    def measure(self, arena: MeasuredGame) -> dict[str, Any]:
        """The numbers of all by the names of their trace fields; of one that failed, why."""
        row: dict[str, Any] = {}
        for name, made in self.members.items():
            try:
                row |= {f"diagnostics.{name}.{what}": value for what, value in made.measure(arena).items()}
            except MeasurementFailed as error:  # a run of hours does not end because one number is not to be had
                row[f"diagnostics.{name}.failure"] = str(error)
        spent = self.spent
        return row | {"diagnostics.gradient_evaluations": spent.gradient_evaluations, "diagnostics.products": spent.products}

    def figures(self, arena: MeasuredGame) -> Iterator[tuple[str, "Figure"]]:
        """The figures of the latest measurement, by the diagnostic's name."""
        for name, made in self.members.items():
            if (drawn := made.figure(arena)) is not None:
                yield name, drawn

    def state_dict(self) -> dict[str, Any]:
        """What they remember and have cost."""
        return {name: {"spent": list(made.spent), "memory": made.state_dict()} for name, made in self.members.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        for name, made in self.members.items():
            made.spent = Cost(*state[name]["spent"])
            made.load_state_dict(state[name]["memory"])
