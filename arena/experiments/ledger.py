"""What became of a point: one file for each trial, `trials/00007.json`, the same from every backend.

A file is written whole or not at all, by whoever played the trial, before anyone else is told of it; so what a sweep has is what is in
that folder, whichever process was killed when.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from arena.errors import ArenaError
from arena.experiments.values import Point

FOLDER = "trials"
State = Literal["complete", "pruned", "impossible", "lost"]


@dataclass(frozen=True)
class Play:
    """One run of a trial.

    Args:
        seed: its seed.
        status: finished, solved, diverged, undefined, alarmed, or pruned where the trial was.
        value: its criterion at the end, at most the penalty, and at least what untrained players come to where its score ended above its
            beginning and still grows; the penalty where it was stopped for divergence; what untrained players come to where another alarm
            stopped it; of a pruned one the latest.
        score: the game's score at the end; None where there is none.
        turns: turns played.
        verdict: what became of it, as `arena compare` tells it from its scores; the name of the alarm that stopped it.
        reason: why it diverged, was undefined or was stopped.
        history: (turn, score, criterion) wherever it was judged, from before the first turn.
        signals: the last ones, by name.
    """

    seed: int
    status: str
    value: float
    score: float | None
    turns: int
    verdict: str
    reason: str = ""
    history: tuple[tuple[int, float, float], ...] = ()
    signals: Mapping[str, float] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Whether it did not come to its end."""
        return self.status in ("diverged", "undefined", "alarmed")


@dataclass(frozen=True)
class Record:
    """One trial.

    Args:
        number: of the trial.
        point: the value of every dimension.
        state: complete; pruned; impossible where the values do not go together; lost where who played it was killed.
        values: what is to be low, by objective; all are finite.
        plays: its runs.
        reason: why it is impossible or was lost.
        retry_of: number of the lost trial that this one repeats.
        resumed: how often it was gone on with after its worker was killed.
        backend: that played it.
        seconds: that it took; overhead is what of them was not spent in the runs.
        overhead: see there.
        cost: gradient evaluations spent in all its runs.
    """

    number: int
    point: Point
    state: State
    values: Mapping[str, float]
    plays: tuple[Play, ...] = ()
    reason: str = ""
    retry_of: int | None = None
    resumed: int = 0
    backend: str = ""
    seconds: float = 0.0
    overhead: float = 0.0
    cost: float = 0.0

    @property
    def value(self) -> float:
        """By the first objective."""
        return next(iter(self.values.values()))

    @property
    def fate(self) -> str:
        """What became of most of its runs: the verdict that is most frequent."""
        verdicts = [play.verdict for play in self.plays]
        return max(dict.fromkeys(verdicts), key=verdicts.count) if verdicts else self.state


def write(record: Record, folder: Path) -> None:
    """Put a trial's file into a sweep's folder.

    Raises:
        OSError: where it cannot be written; then nothing is left of it.
    """
    path = folder / FOLDER / f"{record.number:05d}.json"
    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f".{path.stem}-{os.getpid()}.new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(record), file, allow_nan=True)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def read(folder: Path, number: int) -> Record | None:
    """A trial's record; None where there is none.

    Raises:
        ArenaError: where the file is not what was written.
    """
    path = folder / FOLDER / f"{number:05d}.json"
    return _read(path) if path.is_file() else None


def numbers(folder: Path) -> list[int]:
    """Of the trials that have ended, in rising order."""
    return sorted(int(path.stem) for path in (folder / FOLDER).glob("[0-9]*.json"))


def read_all(folder: Path) -> list[Record]:
    """All trials that have ended, by number."""
    return [_read(path) for path in sorted((folder / FOLDER).glob("[0-9]*.json"))]


def _read(path: Path) -> Record:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        plays = tuple(Play(**{**play, "history": tuple(map(tuple, play["history"]))}) for play in data.pop("plays"))
        return Record(**data, plays=plays)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArenaError(f"{path} is not the record of a trial ({error}); remove it, and arena resume plays it again") from error
