"""The equivalence of a population and its members' single runs, checked on a few members for a few turns in float64.

A member axis changes the meaning of some code in games and update rules, such as the norm of a whole gradient or a branch on a number. The
difference shows in the first turns, and is reported before anything is played.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from arena.core.field.members import CannotShare
from arena.core.protocols import MemberConfig
from arena.errors import GameFault, RuleUndefined, cause

TURNS = 3
"""Turns that are compared."""

TOLERANCE = 1e-4
"""Largest difference between a parameter's displacements in the population and alone, relative to the displacement."""

ROUNDING = 1e-7
"""The same relative to the largest displacement of any parameter, because only rounding moves a bias in front of batch norm."""

AS_BUFFERS = "register the tensors that it keeps as buffers, so that they have the precision of its players"

_proven: set[Any] = set()


def check_equivalence(configs: Sequence[MemberConfig], population: Callable[..., Any]) -> None:
    """Play the first, the middle and the last of the configurations together, in a `population` of them, and alone.

    A game, a rule and a set of differing settings that passed once are not checked again in this process.

    Raises:
        CannotShare: A member moves differently from its single run, or cannot be played together with others.
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
        start = _positions(together.game)
        for _ in range(TURNS):
            together.play_scheduled_turn()
    except GameFault as error:
        fix = f". Fix: {AS_BUFFERS}" if "dtype" in str(error) else ""
        raise CannotShare(f"{what}: the games are played one by one, because a population fails: {error}{fix}") from error
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CannotShare(
            f"{what} cannot be compared with single runs in float64 ({cause(error)}); the games are played one by one. Fix: {AS_BUFFERS}"
        ) from error
    for member, config in enumerate(picks):
        arena = config.build()
        arena.reset(seed=config.run.seed)
        before = _positions(arena.game)
        try:
            for _ in range(TURNS):
                arena.play_scheduled_turn()
        except RuleUndefined:
            continue
        if member in together.undefined:
            raise CannotShare(f"{what}: {together.undefined[member]}, but a single run is defined; the games are played one by one")
        moves, moves_together = _moves(arena.game, before), _moves(together.game, start)
        rounding = 1e-12 + ROUNDING * max(float(alone.norm().nan_to_num(0, 0)) for alone in moves.values())
        for name, alone in moves.items():
            batched = moves_together[name][member]
            if alone.isfinite().all() and (batched - alone).norm() > TOLERANCE * alone.norm() + rounding:
                distances = f"{float(batched.norm()):.6g} in a population, but {float(alone.norm()):.6g} alone"
                raise CannotShare(
                    f"{what}: in {TURNS} turns '{name}' of a member moves by {distances}; the games are played one by one. Fix: sum by "
                    "field.dot and multiply by plus and times in a rule, and draw from rng alone in a game"
                )
    _proven.add(kind)


def _positions(game: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in game.named_parameters()}


def _moves(game: torch.nn.Module, start: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: position - start[name] for name, position in _positions(game).items()}


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
