"""Weights & Biases: settings, numbers over turns and pictures, without a network by default.

Names have letters, digits, underscores and slashes, by which W&B groups charts: a dot becomes a slash, and others are mapped as in
`arena.trackers.names`: `game.D(x)` is `game/D_28_x_29_`.
"""

import hashlib
import os
from collections.abc import Mapping
from typing import Any, Literal

from arena.trackers.base import Picture, Started, Tracker
from arena.trackers.names import legal_name, numbers_of, original_name


class Wandb(Tracker):
    """A W&B run for each run, in the folder `wandb` of the run folder; `wandb sync RUN/wandb/offline-run-*` uploads it.

    A run that goes on writes another folder with the same id, which `wandb sync` appends.

    Args:
        project: Name of the project; by default the game's.
        mode: `offline` waits for no network; `online` uploads during the run.
        pictures: Whether pictures are stored.
    """

    needs = ("wandb",)
    extra = "wandb"

    def __init__(self, project: str = "", mode: Literal["offline", "online"] = "offline", pictures: bool = True):
        self.project, self.mode, self.pictures = project, mode, pictures

    def on_begin(self, run: Started) -> None:
        import wandb

        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self._image = wandb.Image
        self._run = wandb.init(
            project=self.project or run.game,
            name=run.folder.name,
            id=hashlib.sha256(str(run.folder.absolute()).encode()).hexdigest()[:16],
            resume="allow" if run.resumed else None,
            dir=str(run.folder.absolute()),
            config={name: value if isinstance(value, (int, float, str, bool)) else str(value) for name, value in run.settings.items()},
            mode=self.mode,
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True, x_disable_stats=True),
        )

    def on_look(self, row: Mapping[str, Any]) -> None:
        self._run.log({to_wandb(name): value for name, value in numbers_of(row).items()}, step=row["turn"])

    def on_alarm(self, row: Mapping[str, Any]) -> None:
        self._run.log({to_wandb(f"alarm.{row['alarm']}"): float(row["raised"])}, step=row["turn"])

    def on_picture(self, picture: Picture) -> None:
        if self.pictures:
            self._run.log({to_wandb(picture.name): self._image(str(picture.file))}, step=picture.turn)

    def on_end(self, row: Mapping[str, Any]) -> None:
        self._run.summary.update({name: row[name] for name in ("status", "score", "best", "reason") if row.get(name) is not None})
        self._run.finish(exit_code=0 if row["status"] in ("finished", "solved", "stopped") else 1)


def to_wandb(name: str) -> str:
    """Return the name of a number in W&B.

    Example:
        >>> to_wandb("game.D(x)"), to_wandb("generator.update_norm"), from_wandb(to_wandb("metrics.energy-distance"))
        ('game/D_28_x_29_', 'generator/update_norm', 'metrics.energy-distance')
    """
    return legal_name(name, ".").replace(".", "/")


def from_wandb(name: str) -> str:
    """Return the name that `to_wandb` was given."""
    return original_name(name.replace("/", "."))
