"""The ledger of an experiment: one file for each trial, `trials/00007.json`, the same from every backend.

A file is written whole or not at all, by the process that played the trial, before anything else learns of the trial. The trials of an
experiment are therefore those in that folder, whichever process was killed at which moment.
"""

import dataclasses
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arena.errors import ArenaError, cause, typed
from arena.experiments.outcome import Outcome
from arena.experiments.values import Point
from arena.experiments.verdict import Verdict, over_seeds, verdict_of
from arena.runs.status import WHOLE, Status, status_of
from arena.trace.damaged import set_aside
from arena.trace.reading import read_text
from arena.trace.writing import folder_in, write_whole

FOLDER = "trials"


@dataclass(frozen=True)
class SeedResult:
    """One run of a trial.

    Args:
        seed: its seed.
        status: how it ended.
        value: its criterion at the end, at most the penalty, and at least the value of untrained players if its score ended above its
            beginning and still grows; the penalty if it diverged; the value of untrained players if another alarm stopped it; the latest
            value if it was pruned.
        score: the game's score at the end; None if there is none.
        turns: turns played.
        verdict: the reading of its scores; of a run that an alarm stopped, the alarm's.
        reason: why it diverged, failed, was undefined or was stopped.
        history: (turn, score, criterion) at each rung, from before the first turn.
        signals: the last signals by name.
    """

    seed: int
    status: Status
    value: float
    score: float | None
    turns: int
    verdict: str
    reason: str = ""
    history: tuple[tuple[int, float, float], ...] = ()
    signals: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, seed: int, outcome: Outcome, verdict: str, value: float, history: Iterable[tuple[int, float, float]] = ()) -> "SeedResult":
        """Return the result of a run from its outcome; without a history, its beginning is kept."""
        score = outcome.score if math.isfinite(outcome.score) else None
        signals = {name: number for name, number in outcome.signals.items() if math.isfinite(number)}
        kept = tuple(map(tuple, history)) or (((0, outcome.start, outcome.start),) if math.isfinite(outcome.start) else ())
        return cls(seed, outcome.status, value, score, outcome.turns, str(verdict), outcome.reason, kept, signals)  # type: ignore[arg-type]

    @property
    def outcome(self) -> Outcome:
        """Its outcome."""
        score, start = (math.nan if self.score is None else self.score), (self.history[0][1] if self.history else math.nan)
        status = "diverged" if self.verdict == Verdict.DIVERGED else self.status
        return Outcome(status, self.turns, score, start, self.reason, self.signals, collapsed=self.verdict == Verdict.COLLAPSED)

    @property
    def stopped(self) -> bool:
        """Whether it ended early."""
        return self.status in ("diverged", "undefined", "failed", "alarmed")


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Args:
        number: of the trial.
        point: the value of every dimension.
        status: finished; pruned; undefined if the values do not go together; failed if one of its runs did; lost if the process that
            played it was killed.
        values: the objectives, lower is better; all are finite.
        runs: one for each seed.
        reason: why it is undefined, failed or was lost.
        retry_of: number of the lost trial that this one repeats.
        resumed: number of restarts after a worker died.
        backend: that played it.
        seconds: duration.
        overhead: seconds spent outside the runs.
        cost: gradient evaluations spent in all its runs.
    """

    number: int
    point: Point
    status: Status
    values: Mapping[str, float]
    runs: tuple[SeedResult, ...] = ()
    reason: str = ""
    retry_of: int | None = None
    resumed: int = 0
    backend: str = ""
    seconds: float = 0.0
    overhead: float = 0.0
    cost: float = 0.0

    @property
    def value(self) -> float:
        """The first objective."""
        return next(iter(self.values.values()))

    @property
    def whole(self) -> bool:
        """Whether it was played to its end."""
        return self.status in WHOLE

    @property
    def verdicts(self) -> str:
        """The verdicts of its runs with their counts; its status if it was given up or has none."""
        return over_seeds([run.verdict for run in self.runs]) if self.runs and (self.whole or self.status == "interrupted") else self.status

    @property
    def why(self) -> str:
        """The reason why it, or the first of its runs that has one, stopped; empty if it has none."""
        return self.reason or next((run.reason for run in self.runs if run.reason), "")

    @property
    def verdict(self) -> str:
        """The most frequent verdict of its runs; its status if it has none or was not played to its end."""
        verdicts = [run.verdict for run in self.runs] if self.whole else []
        return max(dict.fromkeys(verdicts), key=verdicts.count) if verdicts else self.status


def write(record: TrialRecord, folder: Path) -> None:
    """Write a trial's file into the folder of an experiment.

    Raises:
        OSError: if it cannot be written; nothing is left of it.
    """
    path = folder_in(folder, FOLDER) / f"{record.number:05d}.json"
    write_whole(path, json.dumps(dataclasses.asdict(record), allow_nan=True), shared=True)


def read(folder: Path, number: int) -> TrialRecord | None:
    """Return a trial's record; None if there is none.

    Raises:
        ArenaError: if the file is damaged.
    """
    path = folder / FOLDER / f"{number:05d}.json"
    return _read(path) if path.is_file() else None


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the trials that have ended, in rising order."""
    return sorted(int(path.stem) for path in (folder / FOLDER).glob("[0-9]*.json"))


def read_all(folder: Path) -> list[TrialRecord]:
    """Return all trials that have ended, by number."""
    return [_read(path) for path in sorted((folder / FOLDER).glob("[0-9]*.json"))]


def repair(folder: Path) -> None:
    """Set damaged records aside, so that their trials are played again."""
    for path in sorted((folder / FOLDER).glob("[0-9]*.json")):
        try:
            _read(path)
        except ArenaError:
            set_aside(path, "it is not the record of a trial, which is played again")


def _read(path: Path) -> TrialRecord:
    """Read a file, also of version 0.1, in which a status was a state and a run a play."""
    try:
        data: dict[str, Any] = json.loads(read_text(path))
        runs = data.pop("runs", None) or data.pop("plays", ())
        data["status"] = status_of(data.pop("state", "") or data["status"])
        record = TrialRecord(**data, runs=tuple(map(_read_run, runs)))
        _check(record, path)
        return record
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        fix = f"arena resume {typed(path.parent.parent)}, which sets it aside and plays its trial again"
        raise ArenaError(f"{path} is not the record of a trial ({cause(error)}). Fix: {fix}") from error


def _read_run(data: Mapping[str, Any]) -> SeedResult:
    words = {"status": status_of(data["status"]), "verdict": verdict_of(data["verdict"])}
    return SeedResult(**{**data, **words, "history": tuple(map(tuple, data["history"]))})


def _check(record: TrialRecord, path: Path) -> None:
    """Raise ValueError if a record has a part of another type, or is that of another trial."""
    numbers = [*record.values.values(), record.resumed, record.seconds, record.overhead, record.cost]
    words = [record.reason, record.backend]
    for run in record.runs:
        numbers += [run.value, run.seed, run.turns, run.score or 0, *run.signals.values(), *itertools.chain(*run.history)]
        words += [run.verdict, run.reason]
    sound = all(isinstance(number, (int, float)) for number in numbers) and all(isinstance(word, str) for word in words)
    sound = sound and all(isinstance(value, (int, float, str)) for value in record.point.values())
    if not sound or not record.values or record.number != int(path.stem):
        raise ValueError("a part of it is missing, or of another type")
