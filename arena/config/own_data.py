"""Settings that name data: an object becomes the place in the cache that holds it, and a path gets the checksum of its content.

So a configuration stays plain data, and says with which content a run was played.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from arena.config.settings import Settings
from arena.core.game import Game


def placed(game: Callable[..., Game], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which every object that is given as data is named by its place in the cache.

    The seed of a DataLoader's generator is that of the run, unless the run has one.
    """
    found = dict(settings)
    for name in game.takes:  # type: ignore[attr-defined]
        thing = found.get(name)
        if thing is None or isinstance(thing, str):
            continue
        if isinstance(thing, Path):
            found[name] = str(thing)
            continue
        from arena.data import kept_object

        found[name] = str(kept_object(thing))
        generator = getattr(thing, "generator", None)
        if generator is not None and "seed" not in found:
            found["seed"] = int(generator.initial_seed()) % 2**31
    return found


def settled(game: Callable[..., Game], values: Settings) -> Settings:
    """Return values in which every path of data is absolute and has the checksum of its content.

    Raises:
        UnknownName: A value is neither the name of a registered data set nor a path.
        DataUnavailable: A path does not exist.
    """
    takes = game.takes  # type: ignore[attr-defined]
    return {name: takes[name].settled(name, value) if name in takes and isinstance(value, str) else value for name, value in values.items()}
