"""Distance of the players to the game's known solution: ‖z − z*‖, and ‖θᵢ − θᵢ*‖ of each player."""

import math

import torch

from arena.core.game import Game
from arena.core.preserve import preserve_state
from arena.core.protocols import MeasuredGame
from arena.diagnostics.base import Cost, Diagnostic
from arena.errors import ArenaError


class Distance(Diagnostic):
    """Distance to the game's solution: `total` = ‖z − z*‖, and each player's under its role.

    Cost: nothing.

    Raises:
        ArenaError: The game has no known solution.

    Example:
        >>> from arena import Arena
        >>> from arena.games import Bilinear
        >>> sorted(Distance().measure(Arena(Bilinear)))
        ['total', 'x', 'y']
    """

    def measure(self, arena: MeasuredGame) -> dict[str, float]:
        self.check(arena.game)
        game = arena.game
        with preserve_state(game), arena.on_device():
            solution = game.solution() or {}
            squares: dict[str, float] = {}
            for role in game.roles:
                known = {name: p for key in game.keys_of(role) for name, p in game.parameters_of(key).items() if name in solution}
                apart = [(p.double() - solution[name].to(p.device).double()).square().sum() for name, p in known.items()]
                squares[role] = float(torch.stack(apart).sum()) if apart else 0.0
        return {"total": math.sqrt(sum(squares.values()))} | {role: math.sqrt(square) for role, square in squares.items()}

    def cost(self, game: Game) -> Cost:
        return Cost()

    def check(self, game: Game) -> None:
        with preserve_state(game):
            known = game.solution()
        if known is None:
            name = type(game).__name__
            raise ArenaError(f"distance needs a known solution, but {name} states none; leave it out, or give {name} a solution()")
