"""The parameters of a tiny game, so that the trajectory can be drawn from the trace."""

from arena.core.game import Game
from arena.core.protocols import MeasuredGame
from arena.diagnostics.base import Cost, Diagnostic, parameters_in
from arena.errors import ArenaError

MOST = 8
"""Largest number of parameters."""


class Position(Diagnostic):
    """The parameters of the players, for games with at most 8 numbers.

    A parameter of one number is called by its name (`x.value`), the entries of a longer one by their index (`x.value.0`). If the rule
    evaluates other parameters, such as averages, those follow under `evaluated.` (`evaluated.x.value`).

    Cost: nothing.

    Raises:
        ArenaError: For a game with more numbers.

    Example:
        >>> from arena import Arena
        >>> from arena.games import Bilinear
        >>> sorted(Position().measure(Arena(Bilinear)))
        ['x.value', 'y.value']
    """

    def measure(self, arena: MeasuredGame) -> dict[str, float]:
        self.check(arena.game)
        position = _numbers(arena.game)
        with arena.evaluated_parameters():
            evaluated = _numbers(arena.game)
        return position | ({f"evaluated.{name}": number for name, number in evaluated.items()} if evaluated != position else {})

    def cost(self, game: Game) -> Cost:
        return Cost()

    def check(self, game: Game) -> None:
        size = parameters_in(game)
        if size > MOST:
            raise ArenaError(
                f"position writes down at most {MOST} numbers, but the players of {type(game).__name__} have {size:,}; "
                "leave it out, or use path, which compares positions of any size"
            )


def _numbers(game: Game) -> dict[str, float]:
    position: dict[str, float] = {}
    for name, p in game.named_parameters():
        short, numbers = name.removeprefix("players."), p.detach().flatten().tolist()
        position |= {short: numbers[0]} if len(numbers) == 1 else {f"{short}.{i}": number for i, number in enumerate(numbers)}
    return position
