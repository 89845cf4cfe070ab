"""Points that follow from the space and a seed: a grid, quasi-random points (Sobol) or random ones, the same in every backend."""

import functools
import itertools
import warnings
from typing import cast

import optuna

from arena.errors import ArenaError
from arena.experiments.points import Points
from arena.experiments.values import Point, Value
from arena.tuning.options import Options
from arena.tuning.space import Dimension, Space


def distribution(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    """Return a dimension as Optuna's distribution.

    Example:
        >>> distribution(Dimension("lr", 1e-4, 1e-2, log=True))
        FloatDistribution(high=0.01, log=True, low=0.0001, step=None)
    """
    if dimension.choices:
        return optuna.distributions.CategoricalDistribution(dimension.choices)
    if dimension.whole:
        return optuna.distributions.IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def distributions(space: Space) -> dict[str, optuna.distributions.BaseDistribution]:
    """Return a space as Optuna's distributions, by name."""
    return {dimension.name: distribution(dimension) for dimension in space.dimensions}


@functools.lru_cache(maxsize=8)
def _drawn(space: Space, sampler: str, seed: int, count: int) -> tuple[tuple[tuple[str, object], ...], ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        made: optuna.samplers.BaseSampler
        if sampler == "qmc":
            made = optuna.samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False)
        else:
            made = optuna.samplers.RandomSampler(seed=seed)
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            study = optuna.create_study(sampler=made)
            asked = []
            for _ in range(count + (sampler == "qmc")):
                trial = study.ask(distributions(space))
                study.tell(trial, 0.0)
                asked.append(tuple(trial.params.items()))
        finally:
            optuna.logging.set_verbosity(before)
    return tuple(asked[1:] if sampler == "qmc" else asked)  # the first of the quasi-random ones is drawn at random


def planned_points(space: Space, options: Options, configs: Points | None = None) -> list[Point]:
    """Return the points of a sweep whose sampler is qmc, grid or random, without the settings that do not exist there.

    Args:
        space: of the points.
        options: number of points, sampler and seed. A grid has as many levels along each range as fit into the trials.
        configs: the configurations of the points; None if every setting exists at every point.

    Raises:
        ArenaError: if the trials are too few for a grid.

    Example:
        >>> space = Space((Dimension("lr", 1e-3, 1e-1, log=True), Dimension("ratio", 1, 2, whole=True)))
        >>> planned_points(space, Options(trials=6, sampler="grid"))[:3]
        [{'lr': 0.001, 'ratio': 1}, {'lr': 0.001, 'ratio': 2}, {'lr': 0.01, 'ratio': 1}]
    """
    if options.sampler != "grid":
        points: list[Point] = [dict(p) for p in _drawn(space, options.sampler, options.sampler_seed, options.trials)]  # type: ignore[arg-type]
        return points if configs is None else [configs.active(point) for point in points]
    found, levels = list[Point](), 2
    while grid := _grid(space, levels, options.trials, configs):
        found, levels = grid, levels + 1
        if all(len(d.levels(levels)) == len(d.levels(levels - 1)) for d in space.dimensions):
            break
    if not found:
        raise ArenaError(f"a grid with the ends of every range alone has more than --trials {options.trials} points; take qmc")
    return found


def _grid(space: Space, levels: int, most: int, configs: Points | None) -> list[Point]:
    """Return every distinct point with that many levels along each range; none if they are more than `most`."""
    points: list[Point] = [{}]
    for name in space.names if configs is None else configs.order:
        own = space[name].levels(levels)
        grown = [[p | {name: v} for v in own] if configs is None or configs.exists(name, p) else [p] for p in points]
        points = [*itertools.chain.from_iterable(grown)]
        if len(points) > most:
            return []
    places = {d.name: {value: place for place, value in enumerate(d.levels(levels))} for d in space.dimensions}
    points.sort(key=lambda point: [places[name][point[name]] if name in point else -1 for name in space.names])
    return [{name: point[name] for name in space.names if name in point} for point in points]


def suggested_point(trial: optuna.Trial, space: Space, configs: Points) -> Point:
    """Return the point that Optuna suggests for a trial: words first, then the numbers that exist for these words."""
    point: Point = {}
    for name in configs.order:
        if configs.exists(name, point):
            point[name] = _suggested(trial, space[name])
    return point


def _suggested(trial: optuna.Trial, dimension: Dimension) -> Value:
    if dimension.choices:
        return cast("Value", trial.suggest_categorical(dimension.name, dimension.choices))
    if dimension.whole:
        return trial.suggest_int(dimension.name, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log)
