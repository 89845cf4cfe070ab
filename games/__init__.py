"""Games, one file each, in one folder per family. Importing this package registers them with the arena and with Gymnasium.

A new file, here or in any folder below, is found automatically.
"""

import importlib
import pkgutil

from arena.games.gan.image_sets import MNIST, Digits
from arena.games.gan.planar import Checkerboard, Grid, Pinwheel, Planar, Ring, SwissRoll, TwoModes, TwoMoons
from arena.games.small.dirac import Dirac
from arena.games.small.matching_pennies import MatchingPennies
from arena.games.small.quadratic import Bilinear, Quadratic

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = [
    "MNIST",
    "Bilinear",
    "Checkerboard",
    "Digits",
    "Dirac",
    "Grid",
    "MatchingPennies",
    "Pinwheel",
    "Planar",
    "Quadratic",
    "Ring",
    "SwissRoll",
    "TwoModes",
    "TwoMoons",
]
