"""Whether a population is what it says: a few members, played for a few turns in float64, against the runs that they would be alone.

A game or an update rule of one's own may do what a member axis changes the meaning of, such as the norm of a whole gradient or a number
that decides an `if`. That shows in the first turns, and is told before anything is played rather than found in the results.
"""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from arena.engine.members.stacking import CannotShare
from arena.errors import GameFault, RuleUndefined

if TYPE_CHECKING:
    from arena.config.config import Config

TURNS = 3
"""Turns that are compared."""

TOLERANCE = 1e-4
"""Largest difference of a player's way from where it began, relative to that way."""

_proven: set[Any] = set()


def prove(configs: Sequence["Config"]) -> None:
    """Play the first, the middle and the last of the configurations together and alone.

    What has been shown of a game, a rule and the settings that differ is not shown again in this process.

    Args:
        configs: the members'.

    Raises:
        CannotShare: where a member goes another way than its run alone, or cannot be played together with others.
    """
    from arena.engine.vector_env import Population

    kind = _kind(configs)
    if len(configs) < 2 or kind in _proven:
        return
    picks = [_plain(configs[i]) for i in sorted({0, len(configs) // 2, len(configs) - 1})]
    rule = str(picks[0].flat()["rule.name"]).rpartition(":")[2]
    what = f"{rule} on {picks[0].game.name}"
    try:
        together = Population(picks, prove=False)
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


def _plain(config: "Config") -> "Config":
    settings: dict[str, Any] = copy.deepcopy(config.settings)
    settings |= {"dtype": "float64", "compile": False, "cuda_graphs": False}
    return dataclasses.replace(config, settings=settings, objects=copy.deepcopy(config.objects))  # playing changes players that were given


def _kind(configs: Sequence["Config"]) -> Any:
    flats: list[Mapping[str, Any]] = [config.flat() for config in configs]
    names = tuple(name for name in flats[0] if any(flat.get(name) != flats[0][name] for flat in flats[1:]))
    choices = (".name", ".optimizer", ".player")
    fixed = tuple((name, str(value)) for name, value in flats[0].items() if name.endswith(choices) and name not in names)
    return configs[0].game.target, fixed, names, tuple(id(given) for given in configs[0].objects.values())
