"""Configuration: from words, files and arguments to the objects of a run."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arena.config.config import Config as Config
    from arena.config.config import configure as configure
    from arena.config.config import make as make
    from arena.config.config import pick_device as pick_device

__all__ = ["Config", "configure", "make", "pick_device"]


def __getattr__(name: str) -> Any:
    """Import a name on first use, because rooms below this one import its settings."""
    if name in __all__:
        return getattr(importlib.import_module("arena.config.config"), name)
    raise AttributeError(f"module 'arena.config' has no attribute '{name}'")
