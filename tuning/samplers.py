"""Optuna's samplers and pruners by name. A row here is all that a new one needs; any other is named by its import path or file."""

import inspect
import warnings
from collections.abc import Callable, Collection
from typing import Any

import optuna
from optuna import pruners, samplers

from arena.errors import ArenaError, cause, check_choice
from arena.registry.construct import bound
from arena.registry.lookup import is_path
from arena.registry.plug_ins import installed

Make = Callable[[Any, int], samplers.BaseSampler]
"""Takes the options of a sweep, and a seed."""


def _random(options: Any, seed: int) -> samplers.BaseSampler:
    return samplers.RandomSampler(seed=seed)


def _cma_es(options: Any, seed: int) -> samplers.BaseSampler:
    with installed("the sampler cma-es"):
        import cmaes  # noqa: F401
    return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)


# Of a conditional space, tpe samples groups of settings that exist together. The other samplers treat the settings of all trials so far
# together, and draw the rest independently.
SAMPLERS: dict[str, Make] = {
    "tpe": lambda options, seed: samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True),
    "gp": lambda options, seed: samplers.GPSampler(seed=seed, deterministic_objective=False),
    "cma-es": _cma_es,
    "nsga-ii": lambda options, seed: samplers.NSGAIISampler(seed=seed, population_size=max(8, min(50, options.trials // 4))),
    "qmc": _random,  # the points of qmc and grid are queued
    "grid": _random,
    "random": _random,
}
PRUNERS: dict[str, Callable[[Any], pruners.BasePruner]] = {
    "none": lambda options: pruners.NopPruner(),
    "median": lambda options: pruners.MedianPruner(n_startup_trials=8, n_warmup_steps=options.rungs // 3),
    "hyperband": lambda options: pruners.HyperbandPruner(min_resource=1, max_resource=options.rungs, reduction_factor=3),
    "successive-halving": lambda options: pruners.SuccessiveHalvingPruner(min_resource=max(1, options.rungs // 4), reduction_factor=2),
    "wilcoxon": lambda options: pruners.WilcoxonPruner(p_threshold=0.1, n_startup_steps=2),
}
"""By options of a sweep; steps are rungs, or seeds for a pruner that compares points seed by seed."""


def sampler(options: Any, worker: int = 0) -> samplers.BaseSampler:
    """Return the sampler of one of several processes, each with a random stream of its own.

    Args:
        options: of the sweep.
        worker: number of the process.

    Raises:
        ArenaError: if a package that it needs is missing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        seed = options.sampler_seed + 1_000_003 * worker
        if options.sampler in SAMPLERS:
            return SAMPLERS[options.sampler](options, seed)
        return by_path("sampler", options.sampler, seed=seed)


def pruner(options: Any) -> pruners.BasePruner:
    """Return the pruner of a sweep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if is_path(options.pruner):
            return by_path("pruner", options.pruner)
        return PRUNERS.get(options.pruner, PRUNERS["none"])(options)


def by_path(kind: str, word: str, **given: Any) -> Any:
    """Return a sampler or a pruner that is named by its import path or file.

    Args:
        kind: sampler or pruner.
        word: the path, with arguments in brackets.
        given: arguments, which its class may take and the word may give.

    Raises:
        ArenaError: if it cannot be imported or made.

    Example:
        >>> by_path("pruner", "optuna.pruners.PercentilePruner(percentile=25)")._percentile
        25.0
        >>> by_path("sampler", "optuna.samplers.GridSampler", seed=0)
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: the sampler optuna.samplers.GridSampler cannot be made (TypeError: GridSampler.__init__() missing 1 \
required positional argument: 'search_space'). Fix: give its arguments in brackets, or take one of tpe, gp, cma-es, nsga-ii, qmc, grid, \
random
    """
    make: Any = bound(kind, word)
    taken = inspect.signature(make.func).parameters
    try:
        return make(**{name: value for name, value in given.items() if name in taken and name not in make.keywords})
    except Exception as error:
        names = ", ".join(SAMPLERS if kind == "sampler" else PRUNERS)
        text = f"the {kind} {word} cannot be made ({cause(error)}). Fix: give its arguments in brackets, or take one of {names}"
        raise ArenaError(text) from error


def check(kind: str, name: str, known: Collection[str]) -> None:
    """Raise ArenaError if a sampler or a pruner is none of the known ones, and can be made from no path either."""
    if is_path(name):
        by_path(kind, name)
    else:
        check_choice(kind, name, known)
