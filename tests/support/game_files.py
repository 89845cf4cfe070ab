"""A game of a user's own, as the text of a file: two vectors, of which `left` minimises pull · λ · left·right and `right` its negative."""

SOURCE = """
import torch
from arena import Game, register
from arena.players import Vector

@register("NAME")
class TITLE(Game):
    def __init__(self, pull: float = 1.0):
        super().__init__(left=Vector(2), right=Vector(2))
        self.pull = pull
        BUILD

    def sample(self, rng):
        return torch.randn(2, 2, generator=rng)

    def losses(self, batch, coupling, movers):
        LOSSES
        pull = coupling * self.pull * (self.players["left"]() @ self.players["right"]())
        return {"left": pull, "right": -pull}

    def score(self):
        SCORE
        return sum(player().norm() for player in self.players.values())
"""


def game_file(name: str, build: str = "pass", losses: str = "pass", score: str = "pass") -> str:
    """Return the text of the game under a name, with a statement in its constructor (line 11), losses (line 17) and score (line 22).

    Example:
        >>> "class Odd(Game)" in game_file("odd")
        True
    """
    text = SOURCE.replace("NAME", name).replace("TITLE", name.title())
    return text.replace("BUILD", build).replace("LOSSES", losses).replace("SCORE", score)
