"""The queue of trials of a study, which every process of every driver shares under one lock.

A worker is alive while it holds a lock of its own, because journal storage has no heartbeat. A lost trial is tried once more if its worker
died by itself, and any number of times if the whole sweep was stopped.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from arena.experiments.ledger import TrialRecord, read, write
from arena.runs.locks import held, locked
from arena.tuning.plan import Sweep
from arena.tuning.points import suggested_point

LOCK, WORKERS = "ask.lock", "workers"
RETRIES = 1


class TrialQueue:
    """The trials of a study.

    Args:
        sweep: that is played.
        folder: of it.
        study: in its journal.
    """

    def __init__(self, sweep: Sweep, folder: Path, study: optuna.Study):
        self.sweep, self.folder, self.study = sweep, folder, study

    def prepare(self) -> None:
        """Queue the points that are known beforehand, unless they are there already."""
        if not self.sweep.options.planned:
            return
        with locked(self.folder / LOCK):
            there = {trial.user_attrs.get("planned") for trial in self._trials()}
            for index, point in enumerate(self.sweep.points):
                if index not in there:
                    self.study.enqueue_trial(point, user_attrs={"planned": index})

    def take(self, worker: str) -> optuna.Trial | None:
        """Return the next trial; None if none is left."""
        with locked(self.folder / LOCK):
            trials = self._trials()
            waiting = any(trial.state == TrialState.WAITING for trial in trials)
            if not waiting and self._counted(trials) >= self.sweep.count:
                return None
            trial = self.study.ask()
            suggested_point(trial, self.sweep.space, self.sweep.configs)
            trial.set_user_attr("worker", worker)
            return trial

    def tell(self, record: TrialRecord) -> None:
        """Write the record of a trial, and then report it to the study."""
        write(record, self.folder)
        self._tell(record)

    def recover_lost(self) -> list[TrialRecord]:
        """Settle the trials whose workers have died; return those that were lost."""
        lost = []
        with locked(self.folder / LOCK):
            trials = self._trials()
            retried = {trial.user_attrs.get("retry_of") for trial in trials}
            for trial in trials:
                if trial.state != TrialState.RUNNING or held(self.folder / WORKERS / str(trial.user_attrs.get("worker"))):
                    continue
                record = read(self.folder, trial.number)
                if record is None:
                    record = self._lose(trial, already=trial.number in retried)
                    lost.append(record)
                self._tell(record)
        return lost

    def left(self) -> tuple[int, int]:
        """Return how many trials have not begun, and how many are being played."""
        with locked(self.folder / LOCK):
            trials = self._trials()
        waiting = sum(trial.state == TrialState.WAITING for trial in trials)
        running = sum(trial.state == TrialState.RUNNING for trial in trials)
        return max(waiting, self.sweep.count - self._counted(trials), 0), running

    def _lose(self, trial: FrozenTrial, already: bool) -> TrialRecord:
        """Queue a lost trial once more, unless that has been done; write and return its record."""
        said = trial.user_attrs
        driver = str(said.get("worker", "")).partition("-")[0]
        play_single = bool(driver) and held(self.folder / WORKERS / driver)  # the driver lives, so it was the worker alone that died
        retries = said.get("retries", 0) + play_single
        again = retries <= RETRIES
        point = dict(trial.params)
        if "planned" in said:  # of a worker that was killed while it began the trial, the study has some of the values only
            point = dict(self.sweep.points[said["planned"]])
        if again and not already:
            attributes = {name: said[name] for name in ("planned",) if name in said} | {"retry_of": trial.number, "retries": retries}
            self.study.enqueue_trial(point, user_attrs=attributes)
        self.study._storage.set_trial_user_attr(trial._trial_id, "lost", True)
        reason = "its worker was killed" if play_single else "the sweep was stopped"
        values = dict.fromkeys(self.sweep.options.objectives, self.sweep.penalty)
        record = TrialRecord(
            trial.number, point, "lost", values, reason=reason + ("; tried again" if again else "; given up"),
            retry_of=said.get("retry_of"), backend="optuna",
        )  # fmt: skip
        write(record, self.folder)
        return record

    def _tell(self, record: TrialRecord) -> None:
        state = state_of(record)
        values = [*record.values.values()] if state == TrialState.COMPLETE else None
        self.study.tell(record.number, values, state=state)

    def _trials(self) -> Sequence[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    @staticmethod
    def _counted(trials: Sequence[FrozenTrial]) -> int:
        """Return the number of trials that no other one repeats."""
        retried: set[Any] = {trial.user_attrs.get("retry_of") for trial in trials}
        return sum(trial.number not in retried for trial in trials)


def state_of(record: TrialRecord) -> TrialState:
    """Return the state of a trial for Optuna."""
    return {"pruned": TrialState.PRUNED, "lost": TrialState.FAIL}.get(record.status, TrialState.COMPLETE)
