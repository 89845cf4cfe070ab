"""A map of an experiment of any kind: its trials, sorted into cells of two settings."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from arena.config.config import Config
from arena.errors import ArenaError
from arena.experiments.ledger import TrialRecord
from arena.experiments.map.plan import TABLE, Grid, Key, load
from arena.experiments.map.play import finished
from arena.experiments.map.played import Map
from arena.experiments.map.results import read, summary
from arena.experiments.outcome import Outcome
from arena.experiments.trials import Trials, record_of, trials_of
from arena.experiments.values import Axis, Value, parse_varied

FEW = 12
"""Different values of a range up to which each has cells of its own; more are sorted into as many bins as the root of their number."""


@dataclass
class Cells(Grid):
    """Trials in the cells of two settings; the other settings vary within a cell.

    Args:
        trials: of the experiment.
        members: the trials of each cell.
    """

    trials: Trials
    members: Mapping[tuple[Value, Value], list[TrialRecord]]

    @property
    def per_cell(self) -> str:
        """The runs behind the score of a cell, in words."""
        return "median of all runs in a cell"

    def config(self, key: Key) -> Config:
        """Return the configuration of the best trial of a cell."""
        best = min(self.members.get(key[:2], self.trials.records), key=lambda record: record.value)
        return self.trials.config(best.point, best.runs[0].seed if best.runs else 0)

    def base(self) -> Config:
        """Return a configuration of the experiment."""
        return self.trials.base


def map_of(trials: Trials, names: Sequence[str] = ()) -> Map:
    """Return the map of trials over two settings.

    Args:
        trials: to be sorted into cells; runs that have not ended are left out, and so are trials that were pruned or lost.
        names: of the two settings, the horizontal one first; none takes the first two.

    Raises:
        ArenaError: if there are no two settings.
    """
    chosen = list(names) or list(trials.vary)[:2]
    if len(chosen) != 2:
        fix = f". Fix: --vary {' --vary '.join([*trials.vary][:2])}" if len(trials.vary) > 1 else ""
        raise ArenaError(f"{trials.folder} has trials over {', '.join(trials.vary) or 'no settings'}. Expected two of them for a map{fix}")
    there = [record for record in trials.records if all(name in record.point for name in chosen)]
    if not there:
        raise ArenaError(f"{trials.folder} has no trial in which both {chosen[0]} and {chosen[1]} exist. Expected two that exist together")
    axes = [_axis(name, trials.vary[name], [record.point[name] for record in there]) for name in chosen]
    members: defaultdict[tuple[Value, Value], list[TrialRecord]] = defaultdict(list)
    for record in (record for record in there if record.status not in ("pruned", "lost")):
        x, y = (_nearest(axis, record.point[axis.name]) for axis in axes)
        members[x, y].append(record)
    runs: dict[Key, Outcome] = {}
    for at, records in members.items():
        own = [run.outcome for record in records for run in record.runs if run.status != "interrupted"]
        own += [Outcome(record.status, 0, math.nan, reason=record.reason) for record in records if not record.runs]
        runs |= {(*at, seed): outcome for seed, outcome in enumerate(own)}
    seeds = tuple(sorted({seed for _, _, seed in runs}))
    return Map(trials.folder, Cells(axes[0], axes[1], seeds, trials, members), runs, trials.ceiling)


def trials(folder: Path) -> Trials:
    """Return the trials of a map's folder."""
    plan = load(folder)
    found = finished(plan, folder, read(plan, folder / TABLE))
    records = []
    for number, (y, x) in enumerate((y, x) for y in plan.y.values for x in plan.x.values):
        own = [(seed, found.runs.get((x, y, seed), Outcome("interrupted", 0, math.nan))) for seed in plan.seeds]
        judged = [(seed, run, str(summary([run] if run.status != "interrupted" else [], found.ceiling)[0])) for seed, run in own]
        records.append(record_of(number, {plan.x.name: x, plan.y.name: y}, judged, found.untrained or 1.0))
    return Trials(
        folder=folder,
        records=records,
        base=plan.base(),
        config=lambda point, seed: plan.config((point[plan.x.name], point[plan.y.name], seed)),
        vary=dict(plan.said[axis].split("=", 1) for axis in ("x", "y")),
        active=plan.configs.active,
        ceiling=found.ceiling,
    )


def report(folder: Path, names: Sequence[str] = ()) -> None:
    """Draw the map of an experiment's folder over two of its settings, and print its report."""
    from arena.experiments.map import report as terminal
    from arena.experiments.map.figure import draw
    from arena.plots import save

    found = map_of(trials_of(folder, names), names)
    save(draw(found), found.picture)
    terminal.report(found)


def _axis(name: str, word: str, values: Sequence[Value]) -> Axis:
    """Return the values of an axis.

    Args:
        name: of the setting.
        word: its values, as they are typed.
        values: those that were played.

    Example:
        >>> points = [0.01 * 1.1**n for n in range(64)]
        >>> _axis("x.lr", "0.1,0.01", [0.1, 0.01, 0.1]).values, len(_axis("x.lr", "log:0.01:5", points).values)
        ((0.01, 0.1), 8)
        >>> axis = _axis("x.lr", "log:0.01:5:64", points * 2)
        >>> len(axis.values), axis.scale
        (64, 'log')
    """
    distinct, varied = list(dict.fromkeys(values)), parse_varied(f"{name}={word}")
    if any(isinstance(value, str) for value in distinct):
        there = list(map(str, distinct))
        return Axis(name, tuple(dict.fromkeys([*(word for word in varied.words if word in there), *there])), "list")
    ranked = tuple(sorted(distinct, key=float))
    if varied.count is not None or varied.words:
        return replace(varied.axis, values=ranked) if len(varied.words) != 1 else Axis(name, ranked, "list")
    if len(distinct) <= FEW:
        return Axis(name, ranked, "list")
    scale = f"{varied.scale}:" if varied.scale else ""
    return parse_varied(f"{name}={scale}{ranked[0]!r}:{ranked[-1]!r}:{round(math.sqrt(len(distinct)))}").axis


def _nearest(axis: Axis, value: Value) -> Value:
    if not axis.numeric:
        return str(value)
    scaled: Callable[[float], float] = math.log if axis.scale == "log" else float
    return min(axis.values, key=lambda there: abs(scaled(float(there)) - scaled(float(value))))
