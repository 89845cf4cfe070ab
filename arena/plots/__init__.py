"""Figures: one style, and the pictures that several games share."""

from arena.plots.games import *  # noqa: F403
from arena.plots.images import *  # noqa: F403
from arena.plots.plane import *  # noqa: F403
from arena.plots.style import *  # noqa: F403
from arena.plots.traces import *  # noqa: F403
from arena.plots.vector_field import *  # noqa: F403
