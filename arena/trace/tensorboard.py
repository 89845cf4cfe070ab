"""The trace as TensorBoard events, with one sub-run per player, so that both share every chart."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import _AsyncWriterThread
from torch.utils.tensorboard import SummaryWriter

_PLAYER = ("loss", "gradient_norm", "update_norm", "update_cosine", "learning_rate", "share", "moves")
_COUNTS = ("gradient_evaluations", "products")


class TensorBoard:
    """Rows of a trace as scalars over turns.

    `players/…` has both players, each in its own sub-run; `game/…` the game's signals, the coupling and the score; `metrics/…` and
    `ceilings/…` the metrics of generated and of real data, with one custom chart for both; `diagnostics/…` the diagnostics.

    Args:
        folder: Run folder; the players' events go to sub-folders named by role.
        roles: The two roles.
        names: Names of the game's signals, for the custom charts.
        purge: Turn of a resumed run; later events of the earlier process are dropped.
        metrics: Names of the game's metrics, for the custom charts.
    """

    def __init__(self, folder: Path, roles: Sequence[str], names: Sequence[str], purge: int | None = None, metrics: Sequence[str] = ()):
        self._roles = tuple(roles)
        self._common = SummaryWriter(str(folder), purge_step=purge, flush_secs=5)
        self._players = {role: SummaryWriter(str(folder / role), purge_step=purge, flush_secs=5) for role in roles}
        charts: dict[str, list[Any]] = {what.replace("_", " "): ["Multiline", [f"players/{what}"]] for what in _PLAYER}
        layout: dict[str, Any] = {"both players": charts}
        layout["game"] = {"score": ["Multiline", ["game/score", "game/ceiling"]]}
        if names:
            layout["game"]["signals"] = ["Multiline", [f"game/{_tag(name)}$" for name in names]]
        if metrics:
            layout["metrics"] = {name: ["Multiline", [f"{kind}/{_tag(name)}$" for kind in ("metrics", "ceilings")]] for name in metrics}
        self._common.add_custom_scalars(layout)

    def write(self, row: Mapping[str, Any]) -> None:
        turn, common = row["turn"], {}
        players: dict[str, dict[str, float]] = {role: {} for role in self._roles}
        for name, value in row.items():
            owner, _, rest = name.partition(".")
            if owner in players:
                players[owner][f"players/{rest}"] = value
            elif owner in ("game", "metrics", "ceilings", "rule"):
                common[f"{owner}/{_tag(rest)}"] = value
            elif owner == "diagnostics" and not isinstance(value, str):
                common[f"diagnostics/{_tag(rest.replace('.', '/', 1))}"] = value
            elif name in ("score", "ceiling", "coupling"):
                common[f"game/{name}"] = value
            elif name in _COUNTS:
                common[f"cost/{name}"] = value
        _add(self._common, common, turn)
        for role, values in players.items():
            _add(self._players[role], values, turn)

    def picture(self, image: np.ndarray, turn: int, tag: str = "picture") -> None:
        """Write an image of height × width × 3 bytes."""
        self._common.add_image(tag, image, turn, dataformats="HWC")

    def text(self, tag: str, body: str) -> None:
        self._common.add_text(tag, body, 0)

    def alarm(self, name: str, raised: bool, sentence: str, turn: int) -> None:
        """Write an alarm that is raised (1) or over (0), with its sentence."""
        _add(self._common, {f"alarms/{name}": float(raised)}, turn)
        self._common.add_text(f"alarms/{name}", sentence, turn)

    def close(self) -> None:
        """Close the files; raise OSError if an event could not be written."""
        writers = (self._common, *self._players.values())
        for writer in writers:
            writer.flush()  # close() alone would not raise
        for writer in writers:
            writer.close()


_print_error = threading.excepthook


def print_unless_raised(error: threading.ExceptHookArgs) -> None:
    """Print the error that ended a thread, unless the thread wrote events: the writer's next call raises that error."""
    if not (isinstance(error.exc_value, OSError) and isinstance(error.thread, _AsyncWriterThread)):
        _print_error(error)


threading.excepthook = print_unless_raised


def _add(writer: SummaryWriter, scalars: Mapping[str, float], turn: int) -> None:
    """Write all scalars of a row as one event, at a fifth of the cost of one event each."""
    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
    assert writer.file_writer is not None  # until the writer is closed
    writer.file_writer.add_summary(Summary(value=values), turn)


def _tag(name: str) -> str:
    """Return a name with only letters, digits and _ . - /, as TensorBoard's tags have.

    Example:
        >>> _tag("D(G(z))"), _tag("D(x)")
        ('D_G_z', 'D_x')
    """
    return "_".join(part for part in "".join(c if c.isalnum() or c in "._-/" else " " for c in name).split())
