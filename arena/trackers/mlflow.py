"""MLflow: settings as parameters, numbers as metrics over turns, pictures as artifacts.

Names have letters, digits and `_ . -`; other characters are mapped as in `arena.trackers.names`: `game.D(x)` is `game.D_28_x_29_`.
"""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from arena.trace.writing import write_whole
from arena.trackers.base import Picture, Started, Tracker
from arena.trackers.names import legal_name, numbers_of

LEGAL = r".\-"
_LONGEST = 500
"""Most characters of a parameter; stores of MLflow differ in what they take."""
_BATCH = 100
"""Most parameters that MLflow takes at once."""


class Mlflow(Tracker):
    """An MLflow run for each run, in a file store beside the run folders, or at another address.

    A run that goes on continues its MLflow run; turns that are played again are not written twice.

    Args:
        uri: Tracking address, such as `sqlite:///mlflow.db` or `http://localhost:5000`; by default that of `MLFLOW_TRACKING_URI`, else the
            folder `mlruns` beside the run folder.
        experiment: Name of the experiment; by default the game's.
        pictures: Whether pictures are stored as artifacts.
    """

    needs = ("mlflow",)
    extra = "mlflow"

    def __init__(self, uri: str = "", experiment: str = "", pictures: bool = True):
        self.uri, self.experiment, self.pictures = uri, experiment, pictures

    def on_begin(self, run: Started) -> None:
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        address = self.uri or os.environ.get("MLFLOW_TRACKING_URI") or (run.folder.absolute().parent / "mlruns").as_uri()
        self._metric = Metric
        with _files_allowed(address):
            self._client = MlflowClient(tracking_uri=address)
            known = run.folder / "mlflow.txt"
            self._after = -1
            if run.resumed and known.is_file():
                self._id = known.read_text(encoding="utf-8").strip()
                written = self._client.get_metric_history(self._id, "progress")
                self._after = max((metric.step for metric in written), default=-1)
                self._client.update_run(self._id, status="RUNNING")
                return
            name = self.experiment or run.game
            experiment = self._client.get_experiment_by_name(name)
            place = self._client.create_experiment(name) if experiment is None else experiment.experiment_id
            made = self._client.create_run(place, run_name=run.folder.name, tags={"arena.folder": str(run.folder.absolute())})
            self._id = made.info.run_id
            write_whole(known, self._id + "\n")
            params = [Param(legal_name(name, LEGAL), str(value)[:_LONGEST]) for name, value in run.settings.items()]
            for first in range(0, len(params), _BATCH):
                self._client.log_batch(self._id, params=params[first : first + _BATCH])

    def on_look(self, row: Mapping[str, Any]) -> None:
        if row["turn"] > self._after:
            now, turn = int(time.time() * 1000), row["turn"]
            metrics = [self._metric(legal_name(name, LEGAL), value, now, turn) for name, value in numbers_of(row).items()]
            self._client.log_batch(self._id, metrics=metrics)

    def on_alarm(self, row: Mapping[str, Any]) -> None:
        self._client.set_tag(
            self._id, legal_name(f"alarm.{row['alarm']}", LEGAL), f"turn {row['turn']}: {row.get('reason', 'over')}"[:_LONGEST]
        )

    def on_picture(self, picture: Picture) -> None:
        if self.pictures:
            self._client.log_artifact(self._id, str(picture.file), "pictures")

    def on_checkpoint(self, turn: int, file: Path) -> None:
        self._client.set_tag(self._id, "arena.checkpoint", str(file.absolute()))

    def on_end(self, row: Mapping[str, Any]) -> None:
        self._client.set_tag(self._id, "arena.status", row["status"])
        if row.get("reason"):
            self._client.set_tag(self._id, "arena.reason", row["reason"][:_LONGEST])
        ends = {"interrupted": "KILLED", "finished": "FINISHED", "solved": "FINISHED", "stopped": "FINISHED"}
        self._client.set_terminated(self._id, ends.get(row["status"], "FAILED"))


@contextlib.contextmanager
def _files_allowed(address: str) -> Iterator[None]:
    """Let MLflow open a store of files within the block, which it refuses since 3.7 without this variable."""
    name = "MLFLOW_ALLOW_FILE_STORE"
    before = os.environ.get(name)
    if address.startswith("file:") or "://" not in address:
        os.environ[name] = before or "true"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
