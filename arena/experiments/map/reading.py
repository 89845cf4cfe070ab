"""A map of an experiment of another kind: its trials, sorted into cells of two settings.

A kind registers in the entry-point group `arena.trials`: a file that marks its folders = a function from a folder to its `Trials`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from arena.config.settings import Settings
from arena.errors import ArenaError
from arena.experiments.map.plan import Key, Plan
from arena.experiments.map.played import Map
from arena.experiments.outcome import Outcome
from arena.experiments.values import Axis, Point, Value, parse_varied

FEW = 12
"""Different values of a setting up to which each has cells of its own; more are sorted into as many bins as the root of their number."""


@dataclass(frozen=True)
class Trials:
    """The trials of an experiment.

    Args:
        settings: of all trials, with the game among them.
        arguments: the same as words of the command line.
        runs: each point with the outcome of one run.
        ceiling: the score of real data; None if there is none.
    """

    settings: Settings
    arguments: Sequence[str]
    runs: Sequence[tuple[Point, Outcome]]
    ceiling: float | None


def trials_of(folder: Path) -> Trials | None:
    """Return the trials of an experiment's folder; None if no kind of experiment knows how to read it."""
    for point in entry_points(group="arena.trials"):
        if (folder / point.name).is_file():
            found: Trials = point.load()(folder)
            return found
    return None


def map_of(folder: Path, trials: Trials, names: Sequence[str] = ()) -> Map:
    """Return the map of trials over two settings.

    Args:
        folder: for the picture.
        trials: to be sorted into cells.
        names: of the two settings, the horizontal one first; none takes the first two that vary.

    Raises:
        ArenaError: if there are no runs, or the settings did not vary.
    """
    there = list(dict.fromkeys(name for point, _ in trials.runs for name in point))
    chosen = list(names) or there[:2]
    if len(chosen) != 2 or not set(chosen) <= set(there):
        fix = f". Fix: --vary {' --vary '.join(there[:2])}" if len(there) > 1 else ""
        raise ArenaError(f"{folder} has trials over {', '.join(there) or 'no settings'}. Expected two of them{fix}")
    axes = [_axis(name, [point[name] for point, _ in trials.runs]) for name in chosen]
    cells: defaultdict[tuple[Value, Value], list[Outcome]] = defaultdict(list)
    for point, outcome in trials.runs:
        x, y = (_nearest(axis, point[axis.name]) for axis in axes)
        cells[x, y].append(outcome)
    seeds = tuple(range(max(map(len, cells.values()))))
    runs: dict[Key, Outcome] = {(*at, seed): run for at, own in cells.items() for seed, run in enumerate(own)}
    plan = Plan(axes[0], axes[1], seeds, "auto", trials.settings, list(trials.arguments), {})
    return Map(folder, plan, runs, trials.ceiling)


def _axis(name: str, values: Sequence[Value]) -> Axis:
    """
    Example:
        >>> _axis("x.lr", [0.1, 0.01, 0.1]).values, len(_axis("x.lr", [0.01 * 1.1**n for n in range(64)]).values)
        ((0.01, 0.1), 8)
    """
    distinct = list(dict.fromkeys(values))
    if any(isinstance(value, str) for value in distinct):
        return Axis(name, tuple(dict.fromkeys(map(str, distinct))), "list")
    if len(distinct) <= FEW:
        return Axis(name, tuple(sorted(distinct, key=float)), "list")
    low, high = min(map(float, distinct)), max(map(float, distinct))
    return parse_varied(f"{name}={low!r}:{high!r}:{max(2, round(math.sqrt(len(distinct))))}").axis


def _nearest(axis: Axis, value: Value) -> Value:
    if axis.scale == "list":
        return value if value in axis.values else str(value)
    scaled: Callable[[float], float] = math.log if axis.scale == "log" else float
    return min(axis.values, key=lambda there: abs(scaled(float(there)) - scaled(float(value))))
