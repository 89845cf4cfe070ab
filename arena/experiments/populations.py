"""Many configurations at once: sorted into as few populations as can be, the rest played one by one.

Configurations can share a population where they differ only in seed, turns, schedules, schedulers, and numbers with a decimal point; a
difference in structure (another rule, another width) puts them into another one. A game that cannot be mapped over members (one that
decides by the numbers it computes, or uses an operation without a batching rule) is played one by one, and the reason is told.
"""

import math
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from arena.accelerate.autocast import multiplications
from arena.config.config import Config
from arena.core.field.members import CannotShare
from arena.core.torch_settings import using_threads
from arena.engine.env import Arena
from arena.engine.members.equivalence import check_equivalence
from arena.engine.members.stacking import signature
from arena.engine.vector_env import Population
from arena.errors import BadSetting, GameFault, RuleUndefined
from arena.registry.lookup import lookup

_FREE = ("turns", "seed", "threads", "until_solved")
_RECORDS = ("trace.", "picture.", "checkpoint.", "diagnostics.", "score.", "metrics.every", "alarms.")


@dataclass(frozen=True)
class Outcome:
    """What became of one configuration.

    Args:
        config: it.
        status: finished, solved, diverged, undefined (the rule had no answer) or alarmed (whoever looked on had it stopped).
        turns: turns played.
        score: the score at the end; nan where it diverged.
        reason: who went non-finite first, or what the rule lacked.
        signals: the last signals by name.
        start: the score before the first turn.
        criterion: the game's criterion at the end where it was asked for, else the score.
    """

    config: Config
    status: str
    turns: int
    score: float
    reason: str | None
    signals: dict[str, float] = field(default_factory=dict)
    start: float = math.nan
    criterion: float = math.nan


@dataclass(frozen=True)
class Group:
    """Configurations that are played together, or one that is played alone.

    Args:
        indices: which of the configurations.
        alone: why they are played one by one; None where they share a population.
    """

    indices: tuple[int, ...]
    alone: str | None = None


class Populations:
    """Configurations sorted into populations.

    Args:
        configs: what is played.
        groups: how.
        every: turns between looks at the signals, by which members that diverged are stopped.

    Example:
        >>> from arena.config import configure
        >>> base = configure("bilinear", {"turns": 20})
        >>> sorted_ = populations([base.vary({"x.lr": lr}) for lr in (0.01, 0.1)] + [base.vary({"rule": "extragradient"})])
        >>> [group.indices for group in sorted_.groups]
        [(0, 1), (2,)]
        >>> sorted_
        <1 population of 2 members and 1 single game>
        >>> [outcome.status for outcome in sorted_.play()]
        ['finished', 'finished', 'finished']
    """

    def __init__(self, configs: Sequence[Config], groups: Sequence[Group], every: int = 100):
        self.configs, self.groups, self.every = list(configs), list(groups), every

    def __repr__(self) -> str:
        together = Counter(len(group.indices) for group in self.groups if len(group.indices) > 1)
        parts = [f"{_count(many, 'population')} of {size} members" for size, many in sorted(together.items(), reverse=True)]
        alone = len(self.groups) - together.total()
        parts += [_count(alone, "single game")] if alone or not parts else []
        return f"<{' and '.join(filter(None, (', '.join(parts[:-1]), parts[-1])))}>"

    @property
    def why(self) -> list[str]:
        """One sentence for each reason for which games are played one by one."""
        return sorted({group.alone for group in self.groups if group.alone})

    def play(self, tell: Callable[[int, int], None] = lambda done, of: None) -> list[Outcome]:
        """Play all of them to their ends.

        Args:
            tell: called with the turns played so far and all turns, each counted once per configuration.

        Returns:
            One outcome for each configuration, in their order.
        """
        found: dict[int, Outcome] = {}
        total, before = sum(config.run.turns for config in self.configs), 0
        for group in self.groups:
            configs = [self.configs[i] for i in group.indices]
            onwards = lambda turns, before=before: tell(before + turns, total)  # noqa: E731
            with using_threads(configs[0].run.threads), multiplications(configs[0].run.tf32):
                outcomes = play_together(configs, self.every, onwards) if group.alone is None else play_alone(configs, self.every, onwards)
            found |= dict(zip(group.indices, outcomes, strict=True))
            before += sum(config.run.turns for config in configs)
        return [found[i] for i in range(len(self.configs))]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def populations(configs: Iterable[Config], members: int | str = "auto", every: int = 100) -> Populations:
    """Sort configurations into as few populations as can be.

    Args:
        configs: complete configurations, as `configure` or `Config.vary` give.
        members: the most members of one population; auto takes as many as fit into memory.
        every: turns between looks at the signals.

    Raises:
        BadSetting: for a number of members that is not at least 1, or that does not fit.
    """
    configs = [configs] if isinstance(configs, Config) else list(configs)
    for config in configs:
        if not isinstance(config, Config):
            raise BadSetting("configs", config, "configurations, as arena.configure gives them")
    if members != "auto" and (not isinstance(members, int) or members < 1):
        raise BadSetting("members", members, "auto, or a whole number of at least 1")
    kinds: dict[Any, list[int]] = {}
    for index, config in enumerate(configs):
        kinds.setdefault(structure(config), []).append(index)
    groups = []
    for indices in kinds.values():
        groups += _split(configs, indices, members)
    return Populations(configs, groups, every)


def structure(config: Config) -> tuple[Any, ...]:
    """What configurations must have in common to share a population.

    Example:
        >>> from arena.config import configure
        >>> base = configure("swiss-roll")
        >>> structure(base) == structure(base.vary({"generator.lr": 0.1, "seed": 3}))
        True
        >>> structure(base) == structure(base.vary({"batch": 7}))
        False
    """
    flat = config.flat()
    free = {"rule": set(lookup("rule", flat["rule.name"]).target.may_differ)} if "rule.name" not in config.objects else {}  # type: ignore[attr-defined]
    schedules = ("scheduler.", "coupling.", *(f"{n.removesuffix('.name')}." for n in flat if n.endswith(".schedule.name")))
    waits = config.game.target.batch_until is not None  # type: ignore[attr-defined]
    kept = []
    for name, value in flat.items():
        prefix, _, last = name.rpartition(".")
        scheduled = name.startswith(schedules) and not (waits and name.startswith("scheduler."))
        numbers = isinstance(value, (tuple, list)) and last == "betas"
        if name in _FREE or name.startswith(_RECORDS) or scheduled or numbers or last in free.get(prefix, ()):
            continue
        may_differ = isinstance(value, float) and not name.startswith("metrics.")
        kept.append((name, "a number" if may_differ else str(value)))
    return (tuple(kept), *(id(given) for given in config.objects.values()))


def _split(configs: Sequence[Config], indices: Sequence[int], members: int | str) -> list[Group]:
    """One kind of configurations as populations of games that fit together and into memory."""
    from arena.engine.members.capacity import fitting

    by_shape: dict[Any, list[int]] = {}
    try:
        shapes: dict[Any, Any] = {}
        for i in indices:
            own = configs[i].numbers_of_game()
            if own not in shapes:
                shapes[own] = signature(configs[i].example())
            by_shape.setdefault(shapes[own], []).append(i)
        with using_threads(1):
            most = fitting(Population([configs[indices[0]]]), members)
    except (CannotShare, GameFault) as error:
        return [Group((i,), str(error)) for i in indices]
    found = []
    for alike in by_shape.values():
        try:
            with using_threads(1):
                check_equivalence([configs[i] for i in alike], Population)
        except CannotShare as error:
            found += [Group((i,), str(error)) for i in alike]
            continue
        parts = math.ceil(len(alike) / most)
        found += [Group(tuple(alike[k::parts])) for k in range(parts)]
    return found


def play_together(configs: Sequence[Config], every: int, tell: Callable[[int], None] = lambda turns: None) -> list[Outcome]:
    """Play configurations as one population; those that turn out not to fit are played one by one."""
    playing = together(configs, every)
    try:
        while True:
            tell(int(next(playing).population.turns_played.sum()))
    except CannotShare:
        return play_alone(configs, every, tell)
    except StopIteration as over:
        return cast("list[Outcome]", over.value)


def play_alone(configs: Sequence[Config], every: int, tell: Callable[[int], None] = lambda turns: None) -> list[Outcome]:
    """Play configurations one by one."""
    found, before = [], 0
    for config in configs:
        playing = by_itself(config, every)
        try:
            while True:
                tell(before + next(playing).arena.turns_played)
        except StopIteration as over:
            found.append(cast("Outcome", over.value))
        before += config.run.turns
    return found


@dataclass(frozen=True)
class Looked:
    """A population at a moment at which its signals are read.

    Args:
        population: it.
        values: the members' signals by name, each (K,).
    """

    population: Population
    values: dict[str, np.ndarray]


@dataclass(frozen=True)
class LookedAlone:
    """A game at a moment at which its signals are read.

    Args:
        arena: it.
        values: its signals by name.
    """

    arena: Arena
    values: dict[str, float]


def together(configs: Sequence[Config], every: int, criteria: bool = False) -> Generator[Looked, Mapping[int, str] | None, list[Outcome]]:
    """Play configurations as one population, pausing wherever its signals are read.

    Args:
        configs: what is played.
        every: turns between looks.
        criteria: measure the games' criteria at the end.

    Yields:
        The population; members that are sent back, each with the reason, are stopped and count as alarmed.

    Raises:
        CannotShare: where they do not fit together.
    """
    population = Population(configs)
    population.reset()
    starts = population.scores.copy()
    count = len(configs)
    statuses: dict[int, str] = {}
    stopped: dict[int, str] = {}
    goal = population.game.solved_at
    solving = np.array([config.run.until_solved for config in configs]) & (goal is not None)
    scored = population.score_every
    while not population.over.all():
        population.play_scheduled_turn()
        turn = int(population.turns_played.max())
        spent = population.turns_played >= population.budgets
        if turn % every == 0 or (spent & ~population.over).any():
            values = population.read_signals()
            population.freeze_diverged()
            asked = {m: why for m, why in ((yield Looked(population, values)) or {}).items() if not population.over[m]}
            stopped |= asked
            population.over[list(asked)] = True
        ending = spent & ~population.over
        if goal is not None and solving.any() and scored and turn % scored == 0:
            reached = solving & ~population.over & (population.measure_scores() <= goal)
            statuses |= dict.fromkeys(np.flatnonzero(reached).tolist(), "solved")
            ending |= reached
        population.over |= ending
    values = population.read_signals()
    scores, chosen_by = population.measure_criteria() if criteria else (population.measure_scores(),) * 2
    found = []
    for member in range(count):
        divergence = population.signals.divergence.get(member)
        reason = str(divergence) if divergence else population.undefined.get(member)
        status = "diverged" if divergence else "undefined" if reason else statuses.get(member, "finished")
        if goal is not None and status == "finished" and scores[member] <= goal:
            status = "solved"
        score, criterion = (float(numbers[member]) if reason is None else math.nan for numbers in (scores, chosen_by))
        if reason is None and not math.isfinite(score):
            status, reason = "diverged", "the score is not finite"
        if reason is None and member in stopped:
            status, reason = "alarmed", stopped[member]
        signals = {name: float(v[member]) for name, v in values.items()}
        turns = int(population.turns_played[member])
        found.append(Outcome(configs[member], status, turns, score, reason, signals, float(starts[member]), criterion))
    return found


def by_itself(
    config: Config, every: int, criteria: bool = False, state: Mapping[str, Any] | None = None
) -> Generator[LookedAlone, str | None, Outcome]:
    """Play one configuration, pausing wherever its signals are read.

    Args:
        config: what is played.
        every: turns between looks.
        criteria: measure the game's criterion at the end.
        state: of the arena, from which it goes on; None begins.

    Yields:
        The arena; a reason that is sent back stops it, and it counts as alarmed.
    """
    arena = config.build()
    arena.reset(seed=config.run.seed)
    start = arena.measure_score()
    until_solved = config.run.until_solved
    if state is not None:
        arena.load_state_dict(state)
    status, reason = "finished", None
    values = arena.read_signals()
    try:
        while arena.turns_played < arena.turns:
            arena.play_scheduled_turn()
            turn = arena.turns_played
            if turn % every == 0 or turn == arena.turns:
                values = arena.read_signals()
                asked = yield LookedAlone(arena, values)
                if arena.divergence is not None:
                    status, reason = "diverged", str(arena.divergence)
                    break
                if asked is not None:
                    status, reason = "alarmed", asked
                    break
            if until_solved and arena.score_every and turn % arena.score_every == 0:
                arena.measure_score()
                if arena.is_solved():
                    status = "solved"
                    break
    except (RuleUndefined, GameFault) as error:
        status, reason = "undefined", str(error)
    whole = status in ("finished", "solved", "alarmed")
    score = arena.measure_score() if whole else math.nan
    if status == "finished" and arena.is_solved():
        status = "solved"
    if whole and not math.isfinite(score):
        status, reason, whole = "diverged", "the score is not finite", False
    criterion = arena.measure_criterion(score) if criteria and whole else score
    return Outcome(config, status, arena.turns_played, score, reason, values, start, criterion)
