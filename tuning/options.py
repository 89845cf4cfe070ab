"""The options of a sweep: points, seeds, objectives, sampler, pruner and backend."""

from dataclasses import dataclass

from arena.errors import ArenaError, BadSetting, check_choice, check_number
from arena.registry.lookup import is_path, located
from arena.tuning.backends.base import check_backend
from arena.tuning.samplers import PRUNERS, SAMPLERS, check

PLANNED = ("qmc", "grid", "random")
"""Samplers whose points depend on the space and the seed alone, and are the same in every backend."""
RAY_PRUNERS = ("none", "median", "hyperband", "successive-halving", "pbt")
OBJECTIVES = ("criterion", "score", "cost", "spread", "seconds")


@dataclass(frozen=True)
class Options:
    """The options of a sweep.

    Args:
        trials: number of points.
        seeds: of each point.
        backend: optuna, ray, population or that of another file in `tuning/backends/`; or its import path or file.
        sampler: tpe, gp, cma-es, nsga-ii, qmc, grid or random; empty takes tpe, nsga-ii for several objectives, and qmc if points must be
            known beforehand. Or the import path or file of a class derived from Optuna's `BaseSampler`, with its arguments in brackets; it
            is seeded if it takes a `seed`.
        pruner: none, median, hyperband, successive-halving or wilcoxon; with ray also pbt, but not wilcoxon. Without a pruner, bad points
            are played to their ends too, which the report needs to rank the settings; a pruner finds a good point sooner. With optuna also
            the import path or file of a class derived from Optuna's `BasePruner`.
        objectives: to be minimised: criterion (by which the game is judged), score, cost (gradient evaluations), spread (of the seeds)
            or seconds; several give a Pareto front.
        quantile: over a point's seeds, in [0, 1]: 0.5 is the median, 0.9 nearly the worst.
        rungs: number of evaluations of a run on its way, at least 4.
        members: points that one trial of ray, or one population, plays at once; 0 leaves it to the backend.
        sampler_seed: seed of the sampler.
        workers: processes; 0 takes one for each core.
        address: of a running Ray cluster; empty starts one here.
        gpus: for each trial of ray, such as 0.25.

    Raises:
        ArenaError: if options contradict each other.
    """

    trials: int = 60
    seeds: tuple[int, ...] = (0, 1, 2)
    backend: str = "optuna"
    sampler: str = ""
    pruner: str = "none"
    objectives: tuple[str, ...] = ("criterion",)
    quantile: float = 0.5
    rungs: int = 8
    members: int = 0
    sampler_seed: int = 0
    workers: int = 0
    address: str = ""
    gpus: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("trials", 1), ("rungs", 4), ("members", 0), ("sampler_seed", 0), ("workers", 0)):
            check_number(name, getattr(self, name), least=least, whole=True)
        check_number("quantile", self.quantile, least=0, most=1)
        check_number("gpus", self.gpus, least=0)
        for kind in ("backend", "sampler", "pruner"):
            object.__setattr__(self, kind, located(kind, getattr(self, kind)))
        check_backend(self.backend)
        check("sampler", self.sampler, ("", *SAMPLERS))
        if self.backend == "ray" and is_path(self.pruner):
            raise ArenaError(f"Ray has its own pruners, so that {self.pruner} judges none of its trials. Fix: --backend optuna")
        check("pruner", self.pruner, RAY_PRUNERS if self.backend == "ray" else PRUNERS)
        for objective in self.objectives:
            check_choice("objective", objective, OBJECTIVES)
        if not self.seeds or not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise BadSetting("objectives", self.objectives, "one or more different names, with at least one seed")
        beforehand = self.backend == "population" or (self.backend == "ray" and self.members > 0)
        chosen = self.sampler or ("qmc" if beforehand else "tpe" if len(self.objectives) == 1 else "nsga-ii")
        if beforehand and chosen not in PLANNED:
            raise ArenaError(f"{chosen} chooses points by earlier results, but all are played at once. Fix: take qmc, grid or random")
        if chosen == "cma-es" and len(self.objectives) > 1:
            raise ArenaError("cma-es takes one objective. Fix: for several take nsga-ii, tpe or gp")
        if self.pruner != "none" and (beforehand or len(self.objectives) > 1):
            what = "several objectives" if len(self.objectives) > 1 else "points that are played at once"
            raise ArenaError(f"the pruner {self.pruner} cannot judge {what}. Fix: --pruner none")
        if self.pruner == "pbt" and (chosen != "random" and self.sampler):
            raise ArenaError("pbt draws its points at random and changes them on the way. Fix: leave out --sampler")
        if self.pruner == "wilcoxon" and len(self.seeds) < 3:
            raise ArenaError(f"wilcoxon compares points seed by seed, and {len(self.seeds)} are too few. Fix: --seeds 5")
        object.__setattr__(self, "sampler", "random" if self.pruner == "pbt" else chosen)

    @property
    def planned(self) -> bool:
        """Whether all points are known beforehand."""
        return self.sampler in PLANNED and self.pruner != "pbt"

    @property
    def by_seed(self) -> bool:
        """Whether seeds are played one after the other, for a pruner that compares them; else side by side."""
        return self.pruner == "wilcoxon"
