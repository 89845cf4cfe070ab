"""Optuna's samplers and pruners by name."""

import warnings

import optuna

from arena.errors import ArenaError
from arena.tuning.options import Options


def sampler(options: Options, worker: int = 0) -> optuna.samplers.BaseSampler:
    """Return the sampler of one of several processes, each with a random stream of its own.

    Args:
        options: of the sweep.
        worker: number of the process.

    Raises:
        ArenaError: if a package that it needs is missing.
    """
    seed = options.sampler_seed + 1_000_003 * worker
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match options.sampler:
            case "tpe":
                return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
            case "gp":
                return optuna.samplers.GPSampler(seed=seed, deterministic_objective=False)
            case "nsga-ii":
                return optuna.samplers.NSGAIISampler(seed=seed, population_size=max(8, min(50, options.trials // 4)))
            case "cma-es":
                try:
                    import cmaes  # noqa: F401
                except ImportError as error:
                    raise ArenaError("the sampler cma-es needs the package cmaes; type: pip install cmaes") from error
                return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
            case _:
                return optuna.samplers.RandomSampler(seed=seed)


def pruner(options: Options) -> optuna.pruners.BasePruner:
    """Return a pruner, whose steps are the rungs, or the seeds if it compares points seed by seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match options.pruner:
            case "median":
                return optuna.pruners.MedianPruner(n_startup_trials=8, n_warmup_steps=options.rungs // 3)
            case "hyperband":
                return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=options.rungs, reduction_factor=3)
            case "successive-halving":
                return optuna.pruners.SuccessiveHalvingPruner(min_resource=max(1, options.rungs // 4), reduction_factor=2)
            case "wilcoxon":
                return optuna.pruners.WilcoxonPruner(p_threshold=0.1, n_startup_steps=2)
            case _:
                return optuna.pruners.NopPruner()
