"""Games, one file each. Importing this package registers them with the arena and with Gymnasium; a new file is found by itself."""

import importlib
import pkgutil

from games.dirac import Dirac
from games.image import MNIST, Digits
from games.matching_pennies import MatchingPennies
from games.quadratic import Bilinear, Quadratic
from games.toy2d import Checkerboard, Grid, Pinwheel, Planar, Ring, SwissRoll, TwoModes, TwoMoons

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
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
