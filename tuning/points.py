"""Points that follow from the space and a seed: a grid, quasi-random points (Sobol) or random ones, the same in every backend."""

import functools
import itertools
import math
import warnings

import optuna

from arena.errors import ArenaError
from arena.tuning.options import Options
from arena.tuning.space import Dimension, Point, Space


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


def planned_points(space: Space, options: Options) -> list[Point]:
    """Return the points of a sweep whose sampler is qmc, grid or random.

    Args:
        space: of the points.
        options: number of points, sampler and seed. A grid has as many levels along each range as fit into the trials.

    Raises:
        ArenaError: if the trials are too few for a grid.

    Example:
        >>> space = Space((Dimension("lr", 1e-3, 1e-1, log=True), Dimension("ratio", 1, 2, whole=True)))
        >>> planned_points(space, Options(trials=6, sampler="grid"))[:3]
        [{'lr': 0.001, 'ratio': 1}, {'lr': 0.001, 'ratio': 2}, {'lr': 0.01, 'ratio': 1}]
    """
    if options.sampler != "grid":
        return [dict(point) for point in _drawn(space, options.sampler, options.sampler_seed, options.trials)]  # type: ignore[arg-type]
    levels = 1
    while math.prod(len(d.levels(levels + 1)) for d in space.dimensions) <= options.trials:
        levels += 1
        if all(len(d.levels(levels + 1)) == len(d.levels(levels)) for d in space.dimensions):
            break
    least = math.prod(len(d.levels(2)) for d in space.dimensions)
    if least > options.trials:
        raise ArenaError(f"a grid with the ends of every range alone has {least} points, more than --trials {options.trials}; take qmc")
    return [dict(zip(space.names, values, strict=True)) for values in itertools.product(*(d.levels(levels) for d in space.dimensions))]
