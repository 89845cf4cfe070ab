"""Configurations sorted into as few populations as possible; the rest is played one by one.

Configurations can share a population if they differ in seed, turns, schedules, schedulers, and numbers with a decimal point only. A
difference in structure (another rule, another width) separates them. A game that cannot be mapped over members (because it branches on
the numbers it computes, or uses an operation without a batching rule) is played one by one, and the reason is reported.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from arena.config.config import Config
from arena.core.field.members import CannotShare
from arena.core.torch_settings import using_threads
from arena.engine.members.capacity import fitting
from arena.engine.members.equivalence import check_equivalence
from arena.engine.members.stacking import signature
from arena.engine.vector_env import Population
from arena.errors import BadSetting, GameFault
from arena.experiments.outcome import Outcome
from arena.experiments.playing import play_group
from arena.registry.lookup import lookup

_FREE = ("turns", "seed", "threads", "until_solved")
_RECORDS = ("trace.", "picture.", "checkpoint.", "diagnostics.", "score.", "metrics.every", "alarms.")


@dataclass(frozen=True)
class Group:
    """Configurations that are played together, or one that is played alone.

    Args:
        indices: of the configurations.
        alone: the reason why they are played one by one; None if they share a population.
    """

    indices: tuple[int, ...]
    alone: str | None = None


class Populations:
    """Configurations sorted into populations.

    Args:
        configs: to be played.
        groups: of configurations that are played together.
        every: turns between looks at the signals, at which members that diverged are stopped.

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
        play_members = Counter(len(group.indices) for group in self.groups if len(group.indices) > 1)
        parts = [f"{_count(many, 'population')} of {size} members" for size, many in sorted(play_members.items(), reverse=True)]
        alone = len(self.groups) - play_members.total()
        parts += [_count(alone, "single game")] if alone or not parts else []
        return f"<{' and '.join(filter(None, (', '.join(parts[:-1]), parts[-1])))}>"

    @property
    def why(self) -> list[str]:
        """The reasons why games are played one by one, each a sentence."""
        return sorted({group.alone for group in self.groups if group.alone})

    def play(self, tell: Callable[[int, int], None] = lambda done, of: None) -> list[Outcome]:
        """Play all configurations to their ends.

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
            found |= dict(zip(group.indices, play_group(configs, self.every, onwards, group.alone is None), strict=True))
            before += sum(config.run.turns for config in configs)
        return [found[i] for i in range(len(self.configs))]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def populations(configs: Iterable[Config], members: int | str = "auto", every: int = 100) -> Populations:
    """Sort configurations into as few populations as possible.

    Args:
        configs: complete configurations, as `configure` or `Config.vary` return.
        members: the most members of one population; auto takes as many as fit into memory.
        every: turns between looks at the signals.

    Raises:
        BadSetting: if the number of members is below 1, or does not fit into memory.
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
    """Return the part of a configuration that must be equal for configurations to share a population.

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
    """Split configurations of one structure into groups whose games fit together and into memory."""
    by_shape: dict[Any, list[int]] = {}
    found, shapes = list[Group](), dict[Any, Any]()
    try:
        for i in indices:
            own = configs[i].numbers_of_game()
            if own not in shapes:
                try:
                    shapes[own] = signature(configs[i].example())
                except GameFault as error:
                    shapes[own] = error
            if isinstance(shapes[own], GameFault):
                found.append(Group((i,), str(shapes[own])))
            else:
                by_shape.setdefault(shapes[own], []).append(i)
        if not by_shape:
            return found
        with using_threads(1):
            most = fitting(Population([configs[next(iter(by_shape.values()))[0]]]), members)
    except (CannotShare, GameFault) as error:
        return [Group((i,), str(error)) for i in indices]
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
