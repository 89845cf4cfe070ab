"""Whether a population is what it says: a few members, played for a few turns in float64, against the runs that they would be alone.

A game or an update rule of one's own may do what a member axis changes the meaning of, such as the norm of a whole gradient or a number
that decides an `if`. That shows in the first turns, and is told before anything is played rather than found in the results.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from arena.core.field.members import CannotShare
from arena.core.protocols import MemberConfig
from arena.errors import GameFault, RuleUndefined

TURNS = 3
"""Turns that are compared."""

TOLERANCE = 1e-4
"""Largest difference of a player's way from where it began, relative to that way."""

_proven: set[Any] = set()


def check_equivalence(configs: Sequence[MemberConfig], population: Callable[..., Any]) -> None:
    """Play the first, the middle and the last of the configurations together and alone.

    A game, a rule and a set of differing settings that passed once are not checked again in this process.

    Args:
        configs: one for each member.
        population: builds a population of configurations, as `Population` does.

    Raises:
        CannotShare: where a member goes another way than its run alone, or cannot be played together with others.
    """
    kind = _kind(configs)
    if len(configs) < 2 or kind in _proven:
        return
    picks = [_plain(configs[i]) for i in sorted({0, len(configs) // 2, len(configs) - 1})]
    rule = str(picks[0].flat()["rule.name"]).rpartition(":")[2]
    what = f"{rule} on {picks[0].game.name}"
    try:
        together = population(picks, check_equivalence=False)
        together.reset()
        start = _ways(together.game)
        for _ in range(TURNS):
            together.play_scheduled_turn()
    except GameFault as error:
        raise CannotShare(f"{what} cannot be played by several members at once ({error}); they are played one by one") from error
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise CannotShare(
            f"{what} cannot be held in float64 against runs alone ({why}); make tensors that it keeps buffers, so that they "
            "get the precision of its players; they are played one by one"
        ) from error
    for member, config in enumerate(picks):
        arena = config.build()
        arena.reset(seed=config.run.seed)
        before = _ways(arena.game)
        try:
            for _ in range(TURNS):
                arena.play_scheduled_turn()
        except RuleUndefined:
            continue
        if member in together.undefined:
            raise CannotShare(f"{what}: {together.undefined[member]}, but a run alone has an answer; they are played one by one")
        for name, alone in _ways(arena.game).items():
            own, ours = alone - before[name], (_ways(together.game)[name] - start[name])[member]
            if own.isfinite().all() and (ours - own).norm() > TOLERANCE * own.norm() + 1e-12:
                went = f"{float(ours.norm()):.6g}, but alone {float(own.norm()):.6g}"
                raise CannotShare(
                    f"{what}: after {TURNS} turns of a population '{name}' of a member has gone {went}; a rule adds up by field.dot and "
                    "multiplies by plus and times, and a game draws from rng alone; they are played one by one"
                )
    _proven.add(kind)


def _ways(game: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in game.named_parameters()}


def _plain(config: Any) -> MemberConfig:
    settings: dict[str, Any] = copy.deepcopy(config.settings)
    settings |= {"dtype": "float64", "compile": False, "cuda_graphs": False}
    objects = copy.deepcopy(config.objects)  # playing changes the players among them
    copied: MemberConfig = dataclasses.replace(config, settings=settings, objects=objects)
    return copied


def _kind(configs: Sequence[MemberConfig]) -> Any:
    flats: list[Mapping[str, Any]] = [config.flat() for config in configs]
    names = tuple(name for name in flats[0] if any(flat.get(name) != flats[0][name] for flat in flats[1:]))
    choices = (".name", ".optimizer", ".player")
    fixed = tuple((name, str(value)) for name, value in flats[0].items() if name.endswith(choices) and name not in names)
    return configs[0].game.target, fixed, names, tuple(id(given) for given in configs[0].objects.values())
