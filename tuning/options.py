"""How a sweep is played: how many points, how often each, by what they are judged, and who chooses and plays them."""

from dataclasses import dataclass

from arena.errors import ArenaError, BadSetting, check_choice, check_number

BACKENDS = ("optuna", "ray", "population")
SAMPLERS = ("tpe", "gp", "cma-es", "nsga-ii", "qmc", "grid", "random")
PLANNED = ("qmc", "grid", "random")
"""Samplers whose points follow from the space and the seed alone, and are the same in every backend."""
PRUNERS = ("none", "median", "hyperband", "successive-halving", "wilcoxon")
RAY_PRUNERS = ("none", "median", "hyperband", "successive-halving", "pbt")
OBJECTIVES = ("criterion", "score", "cost", "spread", "seconds")


@dataclass(frozen=True)
class Options:
    """How a sweep is played.

    Args:
        trials: points of the space.
        seeds: with which each is played.
        backend: optuna, ray or population.
        sampler: tpe, gp, cma-es, nsga-ii, qmc, grid or random; nothing takes tpe, nsga-ii for several objectives, and qmc where points
            must be known beforehand.
        pruner: none, median, hyperband, successive-halving or wilcoxon; of ray also pbt, and no wilcoxon. With none, bad points are played
            to their ends as well, from which the report learns what matters; the others find a good point sooner.
        objectives: what is to be low: criterion (what the game is to be chosen by), score, cost (gradient evaluations), spread (of the
            seeds) or seconds; several give a Pareto front.
        quantile: of a point's seeds that counts, in [0, 1]: 0.5 is the median, 0.9 nearly the worst.
        rungs: how often a run is judged on its way, at least 4.
        members: points that one trial of ray, or one population, plays at once; 0 leaves it to the backend.
        sampler_seed: from which points are drawn.
        workers: processes; 0 takes one for each core.
        address: of a running Ray cluster; nothing starts one here.
        gpus: that a trial of ray needs, such as 0.25.

    Raises:
        ArenaError: for what does not go together.
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
        check_choice("backend", self.backend, BACKENDS)
        check_choice("sampler", self.sampler, ("", *SAMPLERS))
        check_choice("pruner", self.pruner, RAY_PRUNERS if self.backend == "ray" else PRUNERS)
        for objective in self.objectives:
            check_choice("objective", objective, OBJECTIVES)
        if not self.seeds or not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise BadSetting("objectives", self.objectives, "one or more different ones, with at least one seed")
        beforehand = self.backend == "population" or (self.backend == "ray" and self.members > 0)
        chosen = self.sampler or ("qmc" if beforehand else "tpe" if len(self.objectives) == 1 else "nsga-ii")
        if beforehand and chosen not in PLANNED:
            raise ArenaError(f"{chosen} chooses points by what others came to, but here they are played at once; take qmc, grid or random")
        if chosen == "cma-es" and len(self.objectives) > 1:
            raise ArenaError("cma-es has one objective; for several take nsga-ii, tpe or gp")
        if self.pruner != "none" and (beforehand or len(self.objectives) > 1):
            what = "several objectives" if len(self.objectives) > 1 else "points that are played at once"
            raise ArenaError(f"the pruner {self.pruner} cannot judge {what}; write --pruner none")
        if self.pruner == "pbt" and (chosen != "random" and self.sampler):
            raise ArenaError("pbt draws its points at random and changes them as it goes; leave out --sampler")
        if self.pruner == "wilcoxon" and len(self.seeds) < 3:
            raise ArenaError(f"wilcoxon compares points seed by seed, and {len(self.seeds)} are too few; write --seeds 5 or more")
        object.__setattr__(self, "sampler", "random" if self.pruner == "pbt" else chosen)

    @property
    def planned(self) -> bool:
        """Whether all points are known beforehand."""
        return self.sampler in PLANNED and self.pruner != "pbt"

    @property
    def by_seed(self) -> bool:
        """Whether seeds are played one after the other, for a pruner that compares them; else side by side."""
        return self.pruner == "wilcoxon"
