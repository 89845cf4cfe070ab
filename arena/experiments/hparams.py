"""TensorBoard's HParams: one small event file for each trial of an experiment, under `hparams/`."""

import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arena.experiments.ledger import TrialRecord
from arena.trace.writing import write_whole


def write(folder: Path, records: Sequence[TrialRecord]) -> None:
    """Write all trials into a folder; those of an earlier report are replaced."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter
    from torch.utils.tensorboard.summary import hparams

    whole = folder / "hparams"
    shutil.rmtree(whole, ignore_errors=True)
    names = [f"trial/{name}" for name in records[0].values]
    every: dict[str, Any] = {name: value for record in records for name, value in record.point.items()} | {"status": "", "verdict": ""}
    rows = [{**record.point, "status": record.status, "verdict": record.verdict} for record in records]
    words = {name: sorted({str(row[name]) for row in rows if name in row}) for name, value in every.items() if isinstance(value, str)}
    # the columns are in each file, because TensorBoard reads them from any one of them
    columns, _, _ = hparams(every, dict.fromkeys(names, 0.0), words)
    for record, row in zip(records, rows, strict=True):
        own = whole / f"trial-{record.number:05d}"
        own.mkdir(parents=True, exist_ok=True)
        events = [Event(file_version="brain.Event:2", wall_time=0.0)]
        _, begin, end = hparams(row, dict.fromkeys(names, 0.0))
        events += [Event(summary=summary, wall_time=0.0) for summary in (columns, begin, end)]
        for name, value in record.values.items():
            events.append(Event(summary=Summary(value=[Summary.Value(tag=f"trial/{name}", simple_value=value)]), step=0, wall_time=0.0))
        content = io.BytesIO()
        writer = RecordWriter(content)
        for event in events:
            writer.write(event.SerializeToString())
        write_whole(own / "events.out.tfevents.0.trial", content.getvalue())
