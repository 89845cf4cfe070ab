"""The trials of an experiment of any kind, from which every report is made.

A kind of experiment registers a reader in the entry-point group `arena.trials`: a file that marks its folders = a function from a folder to
its `Trials`. A report registers in `arena.reports`: its name = a function of the folder of an experiment and the names of settings, where
none means all.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from arena.config.config import Config
from arena.core.result_table import ResultTable
from arena.errors import ArenaError, typed
from arena.experiments.ledger import SeedResult, TrialRecord
from arena.experiments.outcome import Outcome, value_of
from arena.experiments.values import Point
from arena.registry.plug_ins import plug_in
from arena.runs.folders import check_own

Run = tuple[int, Outcome, str]
"""A run: its seed, its outcome and its verdict."""


@dataclass(frozen=True)
class Trials:
    """The trials of an experiment.

    Args:
        folder: of the experiment.
        records: one for each point.
        base: a configuration of the experiment.
        config: returns the configuration of a point and a seed.
        vary: the values of each setting, as they are typed after `--vary SETTING=`.
        ceiling: the score of real data; None if there is none.
        theory: the factor per turn on the distance to the solution, by number of a trial, where a linear map is known.
        own_table: the table of the game's literature; None if it has none.
        active: returns a point without the settings that do not exist there.
    """

    folder: Path
    records: Sequence[TrialRecord]
    base: Config
    config: Callable[[Point, int], Config]
    vary: Mapping[str, str]
    ceiling: float | None = None
    theory: Mapping[int, float] = field(default_factory=dict)
    own_table: ResultTable | None = None
    active: Callable[[Point], Point] = lambda point: point

    @property
    def objectives(self) -> tuple[str, ...]:
        """The names of the values of each trial, lower is better."""
        return tuple(self.records[0].values)

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The names of the objectives on axes, in which the score has the name that the game gives it."""
        return tuple(self.base.score_name if name == "score" else name for name in self.objectives)

    @property
    def seeds(self) -> list[int]:
        """All seeds, in rising order."""
        return sorted({run.seed for record in self.records for run in record.runs})

    @property
    def ended(self) -> list[TrialRecord]:
        """The trials that count: those that were played to their ends or failed, and those whose values do not go together."""
        return [record for record in self.records if record.whole or record.status in ("undefined", "failed")]

    @property
    def best(self) -> TrialRecord | None:
        """The trial with the lowest first objective, of those that were played to their ends."""
        return min((record for record in self.records if record.whole), key=lambda record: record.value, default=None)

    @property
    def uses_oracle(self) -> bool:
        """Whether trials are ranked by a score that uses oracle labels."""
        return "score" in self.objectives and self.base.game.target.uses_oracle  # type: ignore[attr-defined]


def trials_of(folder: Path, names: Iterable[str] = ()) -> Trials:
    """Return the trials of an experiment's folder.

    Args:
        folder: of an experiment.
        names: of settings that must be among those that varied.

    Raises:
        ArenaError: if no kind of experiment can read the folder, a name is unknown, or no trial has ended.
    """
    readers = {point.name: point for point in entry_points(group="arena.trials")}
    mark = next((mark for mark in readers if (folder / mark).is_file()), None)
    if mark is None:
        raise ArenaError(f"{folder} is the folder of no experiment. Expected one that holds one of {', '.join(sorted(readers))}")
    check_own(folder)
    found: Trials = readers[mark].load()(folder)
    if unknown := next((name for name in names if name not in found.vary), None):
        raise ArenaError(f"{folder} has trials over {', '.join(found.vary) or 'no settings'}, not over '{unknown}'")
    if not any(
        record.status in ("undefined", "failed") or any(run.status != "interrupted" for run in record.runs) for record in found.records
    ):
        raise ArenaError(f"{folder} has no run that has ended. Fix: arena resume {typed(folder)}")
    return found


def is_experiment(name: str) -> bool:
    """Whether a word of the command line is a folder, in the place of a game."""
    folder = Path(name)
    marked = (point.name for point in entry_points(group="arena.trials"))
    return folder.is_dir() and (len(folder.parts) > 1 or any((folder / mark).is_file() for mark in marked))


def show_report(name: str, folder: Path, settings: Sequence[str] = ()) -> None:
    """Print a report on an experiment's folder, by its name.

    Raises:
        UnknownName: if there is no such report.
        ArenaError: if the trials do not suffice for it.
    """
    plug_in("arena.reports", "report", name)(folder, settings)


def record_of(number: int, point: Point, runs: Sequence[Run], untrained: float, cost: float = 0.0) -> TrialRecord:
    """Return the record of a point whose runs have outcomes; its value is the median over the seeds.

    Args:
        number: of the trial.
        point: the value of every varied setting.
        runs: one for each seed; a run that has not ended is interrupted.
        untrained: the score of untrained players.
        cost: gradient evaluations of all runs.

    Example:
        >>> runs = [(0, Outcome("finished", 9, 0.5, 2.0), "converging"), (1, Outcome("diverged", 3, float("nan"), 2.0), "diverged")]
        >>> record = record_of(0, {}, runs, untrained=2.0)
        >>> record.status, record.values, [run.score for run in record.runs]
        ('finished', {'score': 10.25}, [0.5, None])
        >>> record_of(0, {}, [*runs, (2, Outcome("interrupted", 0, float("nan")), "unfinished")], untrained=2.0).status
        'interrupted'
    """
    whole = all(outcome.status != "interrupted" for _, outcome, _ in runs)
    values_of = ((seed, outcome, verdict, value_of(outcome.status, outcome.score, verdict, untrained)) for seed, outcome, verdict in runs)
    results = [SeedResult.of(*run) for run in values_of]
    values = {"score": statistics.median(result.value for result in results)}
    return TrialRecord(number, point, "finished" if whole else "interrupted", values, tuple(results), cost=cost)
