"""Entry points of `gymnasium.make`."""

from typing import Any

from arena.config.configure import configure
from arena.engine.env import Arena


def make(game: str, render_mode: str | None = None, **settings: Any) -> Arena:
    """Build the arena of `gymnasium.make("arena/SwissRoll-v0", rule="extragradient", generator={"lr": 1e-4})`."""
    return configure(game, settings).build(render_mode)
