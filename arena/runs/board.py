"""The TensorBoard of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.config.config import Config
from arena.engine.env import Arena


def board(config: Config, arena: Arena, folder: Path, metrics: Sequence[str], *, resumed: bool) -> Any:
    """Open the TensorBoard of a run with its configuration; None if it is switched off. `metrics` names those with a ceiling."""
    if not config.group("trace").tensorboard:
        return None
    from arena.trace.tensorboard import TensorBoard

    again = arena.turns_played + 1 if resumed else 0  # later events of an earlier process are void
    made = TensorBoard(folder, arena.game.roles, arena.own_names, purge=again, metrics=metrics)
    if not resumed:
        made.text("config", "```yaml\n" + config.dump() + "```")
    return made
