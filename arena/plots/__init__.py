"""Figures that every game can draw: planes, images, arrows of the field, traces."""

from arena.plots.style import *  # noqa: F403
