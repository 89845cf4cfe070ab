"""Plays the runs of a comparison, each in a folder of its own; as populations, runs of one structure are trained at once.

The trace of a run in a population has its signals and scores, but no diagnostics, pictures or checkpoints; if a population is interrupted,
it is played again.
"""

import contextlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.config.config import Config
from arena.core.faults import faults_of
from arena.core.field.members import CannotShare
from arena.errors import ArenaError, GameFault, RuleUndefined
from arena.experiments.budget import cost_per_turn
from arena.experiments.compare.plan import Job
from arena.experiments.outcome import Outcome
from arena.experiments.playing import Look, computing, play_members
from arena.experiments.populations import populations
from arena.runs.display import Turns
from arena.runs.status import Status, status_of_error
from arena.trace import read_trace
from arena.trace.writing import make_folder, write_whole

Rows = list[dict[str, Any]]


def grouped(jobs: Sequence[Job]) -> list[list[Job]]:
    """Return runs grouped into populations; a group of one is played by itself."""
    groups = populations([job.config for job in jobs]).groups
    return [[jobs[i] for i in group.indices] for group in groups if group.alone is None] + [
        [jobs[i]] for group in groups if group.alone is not None for i in group.indices
    ]


@dataclass(frozen=True)
class PlayRuns:
    """Plays a group of runs, as a population if there are several.

    Args:
        folder: of the comparison.
    """

    folder: Path

    def __call__(self, jobs: list[Job], turns: Callable[[int], None]) -> list[str]:
        """Play a group to its end; return the status of each run.

        Raises:
            KeyboardInterrupt: after Ctrl-C, when a run that is played by itself has saved itself.
        """
        if len(jobs) > 1:
            with contextlib.suppress(CannotShare, GameFault):  # by itself, each run has its own reason
                return _play(jobs, self.folder, turns)
        return [play_run(job, self.folder / job.folder, turns) for job in jobs]


def play_run(job: Job, folder: Path, turns: Callable[[int], None]) -> str:
    """Play a run in its folder to its end, or on from its latest checkpoint; return its status."""
    from arena.runs.play import go_on, start

    try:
        with faults_of("the run"):
            if (folder / "config.yaml").is_file():
                status = go_on(folder, display=Turns(turns)).status
            else:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()  # killed between making its folder and writing into it
                status = start(job.config, folder, display=Turns(turns)).status
    except (RuleUndefined, GameFault) as error:
        return _end_by(error, job, folder)
    if status == "interrupted":
        raise KeyboardInterrupt
    return status


def _play(jobs: Sequence[Job], folder: Path, turns: Callable[[int], None]) -> list[str]:
    configs = [job.config for job in jobs]
    costs = [cost_per_turn(config) for config in configs]
    rows: list[Rows] = [[] for _ in jobs]
    every = min(config.group("score").every or config.group("trace").every for config in configs)
    with computing(configs[0]):
        playing = play_members(configs, every)
        try:
            while True:
                look = next(playing)
                _record(look, rows, costs)
                turns(int(look.turns.sum()))
        except StopIteration as over:
            outcomes: list[Outcome] = over.value
        ceiling = configs[0].build().game.ceiling()
    for job, config, own, outcome, cost in zip(jobs, configs, rows, outcomes, costs, strict=True):
        first: dict[str, Any] = {"kind": "turn", "turn": 0, "gradient_evaluations": 0, "products": 0, "score": outcome.start}
        last: dict[str, Any] = {"kind": "turn", "turn": outcome.turns, "gradient_evaluations": round(cost * outcome.turns), "products": 0}
        kept = [first, *(row for row in own if row["turn"] < outcome.turns), last | dict(outcome.signals) | {"score": outcome.score}]
        kept = [_finite(row | ({"ceiling": ceiling} if ceiling is not None else {})) for row in kept]
        end = {"kind": "end", "turn": outcome.turns, "status": outcome.status, "score": outcome.score, "best": None, "ceiling": ceiling}
        _write(folder / job.folder, config, [*kept, _finite(end | ({"reason": outcome.reason} if outcome.reason else {}))])
    return [outcome.status for outcome in outcomes]


def _end_by(error: ArenaError, job: Job, folder: Path) -> Status:
    """Record that an error ended a run, unless its trace has the reason already; return the status."""
    status = status_of_error(error)
    trace = folder / "trace.jsonl"
    rows = read_trace(trace) if trace.is_file() else []
    if not rows or rows[-1]["kind"] != "end":
        end = {"kind": "end", "turn": 0, "status": status, "reason": str(error), "score": None, "best": None, "ceiling": None}
        _write(folder, job.config, [*rows, end])
    return status


def _record(look: Look, rows: Sequence[Rows], costs: Sequence[float]) -> None:
    scores = look.env.measure_scores()
    for member, own in enumerate(rows):
        turn = int(look.turns[member])
        if own and own[-1]["turn"] == turn:
            continue
        row = {"kind": "turn", "turn": turn, "gradient_evaluations": round(costs[member] * turn), "products": 0}
        row |= {name: float(values[member]) for name, values in look.values.items()}
        own.append(row | {"score": float(scores[member])})


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}


def _write(folder: Path, config: Config, rows: Rows) -> None:
    """Write a run's folder; the trace comes last, because it says that the run has ended."""
    if not folder.is_dir():
        make_folder(folder)
    write_whole(folder / "config.yaml", config.dump())
    write_whole(folder / "trace.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
