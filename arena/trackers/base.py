"""The interface of trackers: six methods, each of which may do nothing.

A run calls `on_begin` once, then `on_look` with every row of the trace, `on_picture`, `on_alarm` and `on_checkpoint` as they come, and
`on_end` once, however the run ends.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from arena.errors import ArenaError


class StopRun(Exception):
    """Raised by a tracker's `on_look`: end the run here, with the status `stopped` and this text as the reason.

    Example:
        >>> import arena, tempfile
        >>> def enough(row):
        ...     if row["turn"] >= 40:
        ...         raise arena.StopRun("forty turns are enough")
        >>> folder, quiet = tempfile.mkdtemp() + "/run", {"trace.tensorboard": False, "trace.every": 20, "picture.every": 0}
        >>> result = arena.play("bilinear", turns=100, out=folder, display=False, on_look=enough, **quiet)
        >>> result.status, result.turns, result.reason
        ('stopped', 40, 'forty turns are enough')
    """


@dataclass(frozen=True)
class Started:
    """A run that begins or goes on.

    Args:
        game: Id of the game.
        folder: Run folder.
        settings: Every setting by dotted name.
        config: The same as YAML, which is the file `config.yaml`.
        roles: The two roles.
        turn: Turns played before; above 0 in a run that goes on. Rows of later turns, which an earlier process has written, are void.
        resumed: Whether the run goes on from a checkpoint.
        ceilings: Metrics of real data by name, with the score of real data under `score`, where they are defined.
        arena: The `Arena`; to be read only. A measurement that changes the state ends the equality of a run and its resumption.
        alarms: The alarms: `ringing` by name the reasons of those that are raised now, `raised` the first turn and reason of all.
        verdict: Returns the verdict on the run in words; to be called in `on_end`.
    """

    game: str
    folder: Path
    settings: Mapping[str, Any]
    config: str
    roles: Sequence[str]
    turn: int
    resumed: bool
    ceilings: Mapping[str, float]
    arena: Any
    alarms: Any
    verdict: Callable[[], str]


@dataclass(frozen=True)
class Picture:
    """A picture that was drawn.

    Args:
        turn: Turns played.
        name: `picture` for that of the game, `pictures/NAME` for further ones, `vector_field/NAME` for those of diagnostics.
        file: PNG in the run folder.
        figure: The matplotlib figure, which is freed after the call.
    """

    turn: int
    name: str
    file: Path
    figure: Any


class Tracker:
    """A receiver of what a run records.

    A tracker reads and never changes the game, and never waits for the device or a network. If a method fails, the run warns once and goes
    on without the tracker. Its constructor's arguments are its settings, as in `--trackers "wandb(project=mine)"`; it is called before the
    run has a folder, and imports no library: `needs` names those that must be installed.

    Class attributes:
        needs: Modules that must be installed, if any.
        extra: What installs them: an extra of this package.
        essential: Whether an error of the tracker ends the run.

    Example:
        >>> class Losses(Tracker):
        ...     def on_begin(self, run):
        ...         self.rows = []
        ...     def on_look(self, row):
        ...         self.rows.append((row["turn"], row.get("x.loss")))
        >>> import arena, tempfile
        >>> losses, folder = Losses(), tempfile.mkdtemp() + "/run"
        >>> _ = arena.play("bilinear", turns=20, out=folder, display=False, trackers=[losses], **{"trace.tensorboard": False})
        >>> [turn for turn, loss in losses.rows]
        [0, 10, 20]
    """

    _arena_kind: ClassVar[str] = "tracker"
    needs: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    essential: ClassVar[bool] = False

    def on_begin(self, run: Started) -> None:
        """Take a run that begins or goes on."""

    def on_look(self, row: Mapping[str, Any]) -> bool | None:
        """Take a row of the trace (`arena.trace.FIELDS`); return True, or raise `StopRun`, to end the run after it."""

    def on_picture(self, picture: Picture) -> None:
        """Take a picture."""

    def on_alarm(self, row: Mapping[str, Any]) -> None:
        """Take an alarm that is raised or over: `turn`, `alarm` (its name), `raised`, and `reason` if it is raised."""

    def on_checkpoint(self, turn: int, file: Path) -> None:
        """Take a checkpoint that has been written."""

    def on_end(self, row: Mapping[str, Any]) -> None:
        """Take the end: `status`, `turn`, and unless the run was interrupted the numbers of the trace's last row. Close what is open."""

    def check_installed(self) -> None:
        """Raise ArenaError if a package that the tracker needs is missing."""
        for module in self.needs:
            if importlib.util.find_spec(module) is None:
                raise ArenaError(
                    f"the tracker {type(self).__name__.lower()} needs {module}, which is not installed; "
                    f"type: pip install -e '.[{self.extra or module}]'"
                )
