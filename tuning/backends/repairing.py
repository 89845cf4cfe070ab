"""Repairs Optuna's journal: one that is damaged, or that lacks or exceeds the records, is kept beside and written again from them."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from arena.experiments import ledger
from arena.experiments.ledger import TrialRecord
from arena.runs.locks import held, locked
from arena.trace.damaged import repaired
from arena.trace.writing import write_whole
from arena.tuning.backends.journal import JOURNAL, open_study
from arena.tuning.backends.trial_queue import WORKERS, state_of
from arena.tuning.plan import Sweep
from arena.tuning.points import suggested_point

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States that need a record. A lost trial fails, and another number repeats it."""


def repair(sweep: Sweep, folder: Path) -> None:
    """Make the journal agree with the records, unless a worker is playing: a trial without a record is played again under its number."""
    with locked(folder / "repair.lock"):
        records = {number: record for number in ledger.numbers(folder) if (record := ledger.read(folder, number)) is not None}
        path = folder / JOURNAL
        if any("-" in file.name and held(file) for file in (folder / WORKERS).glob("*")) or not (records or path.exists()):
            return
        former, why = _trials(sweep, folder), ""
        if former is None:
            why = "it is no journal of Optuna"
        elif any(trial.state in ENDED and trial.number not in records for trial in former):
            why = "it has trials that have no record"
        elif len(former) <= max(records, default=-1) or any(t.state == TrialState.WAITING and t.number in records for t in former):
            why = "it lacks trials that have a record"
        if not why:
            return
        with tempfile.TemporaryDirectory(dir=folder, prefix=f"{JOURNAL}.") as beside:  # complete before it takes the place of the former
            study = open_study(sweep, Path(beside))
            study.add_trials([*_rebuilt(sweep, records, {trial.number: trial for trial in former or ()})])
            whole = (Path(beside) / JOURNAL).read_bytes()
        if path.exists():
            repaired(path, whole, f"{why}. It is written again from the {len(records):,} records in {ledger.FOLDER}")
        else:
            write_whole(path, whole)


def _trials(sweep: Sweep, folder: Path) -> list[FrozenTrial] | None:
    """Return the trials of the journal, read from a copy, because opening a journal changes it; None if Optuna cannot read it."""
    with tempfile.TemporaryDirectory() as copy, contextlib.suppress(Exception):  # whatever Optuna raises for lines that are not its own
        shutil.copy(folder / JOURNAL, copy)
        return open_study(sweep, Path(copy)).get_trials(deepcopy=False)
    return None


def _rebuilt(sweep: Sweep, records: dict[int, TrialRecord], former: dict[int, FrozenTrial]) -> Iterator[FrozenTrial]:
    """Return the trials of a journal by number; those without a record wait to be played."""
    planned = sweep.points if sweep.options.planned else []
    points = [record.point for record in records.values() if record.status != "lost"]
    missing = [index for index, point in enumerate(planned) if point not in points]
    for number in range(max([*records, *former], default=-1) + 1):
        if (record := records.get(number)) is not None:
            state = state_of(record)
            trial = _asked(sweep, record)
            said = {"retry_of": record.retry_of, "lost": record.status == "lost"}
            said |= {"planned": planned.index(record.point)} if record.status != "lost" and record.point in planned else {}
            yield create_trial(
                state=state,
                values=[*record.values.values()] if state == TrialState.COMPLETE else None,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=said,
            )
        elif missing or not planned:
            index = missing.pop(0) if missing else None
            point = former[number].params if index is None and number in former else planned[index] if index is not None else {}
            said = {"planned": index} if index is not None else {}
            yield create_trial(state=TrialState.WAITING, user_attrs=said, system_attrs={"fixed_params": point} if point else {})
        else:
            yield create_trial(state=TrialState.FAIL)


def _asked(sweep: Sweep, record: TrialRecord) -> optuna.Trial:
    """Return the point of a record as Optuna asks for it, with its distributions."""
    study = optuna.create_study()
    study.enqueue_trial(record.point)
    trial = study.ask()
    suggested_point(trial, sweep.space, sweep.configs)
    return trial
