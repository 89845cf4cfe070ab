"""Configuration: from words, files and arguments to the objects of a run."""

from arena.config.config import Config
from arena.config.configure import configure

__all__ = ["Config", "configure"]
