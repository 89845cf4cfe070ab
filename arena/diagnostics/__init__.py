"""Diagnostics: measurements of a game at the players' present parameters, one file each; a new file is found.

The cosine of a player's successive updates is in every trace, as `role.update_cosine`.
"""

from arena.diagnostics.base import Cost, Diagnostic, MeasurementFailed
from arena.diagnostics.distance import Distance
from arena.diagnostics.duality_gap import DualityGap
from arena.diagnostics.path import Path
from arena.diagnostics.position import Position
from arena.diagnostics.rotation import Rotation
from arena.diagnostics.spectrum import Spectrum

__all__ = ["Cost", "Diagnostic", "Distance", "DualityGap", "MeasurementFailed", "Path", "Position", "Rotation", "Spectrum"]
