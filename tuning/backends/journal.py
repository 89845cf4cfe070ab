"""Optuna's journal in a sweep's folder, which survives the death of any writer.

Optuna's own file lock outlives a killed holder, and a line that was cut short makes the rest unreadable. Here the lock is the kernel's, and
the next writer removes an incomplete last line.
"""

import json
import os
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend

from arena.runs.locks import locked
from arena.tuning.plan import Sweep

JOURNAL, STUDY = "journal.log", "sweep"


class Journal(JournalFileBackend):
    """A journal file.

    Args:
        path: of it.
    """

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        with locked(self.path.with_suffix(".lock")), self.path.open("rb+") as file:
            _cut(file)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())


def _cut(file: Any) -> None:
    """Go to the end, and remove an incomplete last line."""
    end = file.seek(0, os.SEEK_END)
    if not end or os.pread(file.fileno(), 1, end - 1) == b"\n":
        return
    begin = max(0, end - 2**20)
    whole = begin + os.pread(file.fileno(), end - begin, begin).rfind(b"\n") + 1
    file.truncate(whole)
    file.seek(whole)


def open_study(sweep: Sweep, folder: Path, sampler: Any = None, pruner: Any = None) -> optuna.Study:
    """Return the study of a sweep; make it if there is none, one process at a time."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with locked(folder / "ask.lock"):
        return optuna.create_study(
            storage=optuna.storages.JournalStorage(Journal(folder / JOURNAL)),
            study_name=STUDY,
            sampler=sampler,
            pruner=pruner,
            directions=["minimize"] * len(sweep.options.objectives),
            load_if_exists=True,
        )
