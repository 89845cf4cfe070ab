"""The trace as TensorBoard events: a sub-run for each player and one for real data, so that equal things share a chart.

TensorBoard sorts tags by letters. The groups have names that put the players first: players, score, signals, update_rule, vector_field,
weights, work.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import _AsyncWriterThread
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import histogram

from arena.trace.writing import folder_in, write_whole

_PLAYER = ("loss", "gradient_norm", "update_norm", "update_cosine", "learning_rate", "share", "moves")
_COUNTS = ("gradient_evaluations", "products")
_GROUPS = {"game": "signals", "rule": "update_rule", "metrics": "score"}
REAL = "real-data"
"""Name of the sub-run with the score and the metrics of real data, which are lines in the charts of the players' own."""


BINS = 30
"""Bins of a distribution, which is the number that TensorBoard draws."""
MOST = 1e300
"""Number above which the width of a bin would not be finite."""


class TensorBoard:
    """Rows of a trace as scalars over turns.

    `players/…` has both players, each in its own sub-run; `score/…` the score and the metrics, with those of real data in a sub-run;
    `signals/…` the game's signals, the coupling and the alarms; `update_rule/…`, `vector_field/…` (diagnostics) and `work/…` the rest.

    Args:
        folder: Run folder; the players' events go to sub-folders named by role.
        roles: The two roles.
        names: Names of the game's signals, for the custom charts.
        purge: Turn of a resumed run; later events of the earlier process are dropped.
        metrics: Names of the game's metrics, for the custom charts.
        ceilings: Whether the score or a metric of real data is known.
    """

    def __init__(
        self,
        folder: Path,
        roles: Sequence[str],
        names: Sequence[str],
        purge: int | None = None,
        metrics: Sequence[str] = (),
        *,
        ceilings: bool = True,
    ):
        self._roles, self._folder = tuple(roles), folder
        self._common = SummaryWriter(str(folder), purge_step=purge, flush_secs=5)
        own = (*roles, REAL) if ceilings else roles
        self._own = {name: SummaryWriter(str(folder / name), purge_step=purge, flush_secs=5) for name in own}
        charts: dict[str, list[Any]] = {what.replace("_", " "): ["Multiline", [f"players/{what}$"]] for what in _PLAYER}
        layout: dict[str, Any] = {"both players": charts}
        layout["score and metrics"] = {name: ["Multiline", [f"score/{_tag(name)}$"]] for name in ("score", *metrics)}
        layout["game"] = {"signals": ["Multiline", [f"signals/{_tag(name)}$" for name in names]]} if names else {}
        layout["game"]["alarms"] = ["Multiline", ["signals/alarm/"]]
        self._common.add_custom_scalars(layout)

    def write(self, row: Mapping[str, Any]) -> None:
        turn, common = row["turn"], {}
        own: dict[str, dict[str, float]] = {name: {} for name in self._own}
        for name, value in row.items():
            owner, _, rest = name.partition(".")
            if owner in self._roles:
                own[owner][f"players/{rest}"] = value
            elif owner in _GROUPS:
                common[f"{_GROUPS[owner]}/{_tag(rest)}"] = value
            elif owner == "diagnostics" and not isinstance(value, str):
                common[f"vector_field/{_tag(rest.replace('.', '/', 1))}"] = value
            elif owner == "ceilings":
                own[REAL][f"score/{_tag(rest)}"] = value
            elif name == "ceiling":
                own[REAL]["score/score"] = value
            elif name == "score":
                common["score/score"] = value
            elif name == "coupling":
                common["signals/coupling"] = value
            elif name in _COUNTS:
                common[f"work/{name}"] = value
        _add(self._common, common, turn)
        for name, values in own.items():
            if values:
                _add(self._own[name], values, turn)

    def picture(self, image: np.ndarray, turn: int, tag: str = "picture") -> None:
        """Write an image of height × width × 3 bytes."""
        self._common.add_image(tag, image, turn, dataformats="HWC")

    def text(self, tag: str, body: str, turn: int = 0) -> None:
        """Write a text in Markdown."""
        self._common.add_text(tag, body, turn)

    def features(self, values_NF: np.ndarray, known: Mapping[str, Sequence[object]]) -> None:
        """Write features of examples, and what is known of each by name, for the projector; those of an earlier call are replaced."""
        folder, file = folder_in(self._folder, "features"), "features/"
        write_whole(folder / "tensors.tsv", "".join("\t".join(f"{x:.5g}" for x in row) + "\n" for row in values_NF))
        rows = [[*known], *zip(*known.values(), strict=True)] if len(known) > 1 else [[x] for values in known.values() for x in values]
        write_whole(folder / "labels.tsv", "".join("\t".join(map(str, row)) + "\n" for row in rows))
        config = f'tensor_name: "features" tensor_path: "{file}tensors.tsv" metadata_path: "{file}labels.tsv"'
        write_whole(self._folder / "projector_config.pbtxt", f"embeddings {{ {config} }}\n")

    def histograms(self, role: str, values: Mapping[str, np.ndarray], turn: int) -> None:
        """Write the distributions of a player's finite numbers, by tag."""
        there = {tag: array[np.abs(array) < MOST] for tag, array in values.items()}
        made = [histogram(tag, array, bins=BINS) for tag, array in there.items() if array.size]
        writer = self._own[role].file_writer
        assert writer is not None
        writer.add_summary(Summary(value=[value for summary in made for value in summary.value]), turn)

    def alarms(self, states: Mapping[str, bool], turn: int) -> None:
        """Write the alarms that have ever been raised, by name: 1 while one is raised, else 0."""
        if states:
            _add(self._common, {f"signals/alarm/{name}": float(raised) for name, raised in states.items()}, turn)

    def close(self) -> None:
        """Close the files; raise OSError if an event could not be written."""
        writers = (self._common, *self._own.values())
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
