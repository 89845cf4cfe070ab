"""Players: plain modules that fill a role, built from the input and output shapes of the role's slot.

To add a player, add a file here: every public module class in it is registered under its name in lower case with dashes.
"""

from arena.players.base import Shape, build_player
from arena.players.conv import ConvDiscriminator, ConvGenerator
from arena.players.dann import LabelledMLP, TwoParts
from arena.players.mlp import MLP
from arena.players.reversal import reverse
from arena.players.vector import Vector

__all__ = ["MLP", "ConvDiscriminator", "ConvGenerator", "LabelledMLP", "Shape", "TwoParts", "Vector", "build_player", "reverse"]
