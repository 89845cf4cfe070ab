"""Stack games into the first of them, so that one game is a population of K.

The games of a population are built one by one, each from its own configuration and seed, and then stacked:

- parameters, and buffers of players;
- buffers of the game itself that differ, that the losses change, or that hold a single number, which may be scheduled;
- plain numbers that differ, such as the weight of a penalty, which become buffers of one number for each member.

Other buffers of the game, such as a table of data, are shared.

Shapes: K = members.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from arena.core.faults import faults_of
from arena.core.field.dropout import DropoutMasks
from arena.core.field.members import CannotShare, Members
from arena.core.game import Batch, Game
from arena.core.preserve import identical, preserve_state
from arena.errors import cause

_PLAIN = (bool, int, float, str, type(None))


def signature(game: Game) -> tuple[Any, ...]:
    """Return the names, shapes and types of a game's tensors, which must agree in a stack."""
    tensors = [*game.named_parameters(), *game.named_buffers()]
    return tuple((name, tuple(t.shape), str(t.dtype)) for name, t in tensors)


def stack(
    games: Sequence[Game],
    try_on: Callable[[Game], Batch] | None = None,
    differing: Callable[[], Sequence[str]] = tuple,
    other: Callable[[], Game] | None = None,
) -> tuple[Game, Members]:
    """Stack games into the first of them.

    Args:
        games: Games of one class and one signature; all but the first are used up.
        try_on: Draws a batch, on which the stacked losses of some members are compared with those of their games.
        differing: Returns the settings in which the games differ, for the error if their shapes differ.
        other: Builds the first game from another seed. A buffer that depends on the seed is not shared, because a member may begin again.

    Raises:
        CannotShare: The games differ in more than tensors and numbers, their code cannot be mapped, or the stacked game has other losses
            than the single games.
    """
    first, count = games[0], len(games)
    if len({signature(game) for game in games}) > 1:
        by = f" by {', '.join(names)}" if (names := differing()) else ""
        raise CannotShare(f"{type(first).__name__}s whose tensors differ in shape{by} cannot share a population; play them one by one")
    batch = None if try_on is None else try_on(first)
    picks = sorted({round(i * (count - 1) / 7) for i in range(8)}) if try_on is not None else []
    evaluated = {k: _evaluated(games[k], batch) for k in picks}
    changed = {name for _, names in evaluated.values() for name in names}
    coefficients = _differing(games)
    with torch.no_grad():
        for name, p in list(first.named_parameters()):
            p.data = torch.stack([game.get_parameter(name).detach() for game in games])
        own = [name for name, _ in first.named_buffers() if not name.startswith("players.")]
        differs = [name for name in own if any(not identical(first.get_buffer(name), game.get_buffer(name)) for game in games[1:])]
        single = [name for name in own if name not in differs and name not in changed and first.get_buffer(name).dim()]
        reseeded = other() if single and other is not None else None
        shared = [n for n in single if reseeded is None or identical(first.get_buffer(n), reseeded.get_buffer(n))]
        buffers = [name for name, _ in first.named_buffers() if name not in shared]
        for name in buffers:
            first.get_buffer(name).data = torch.stack([game.get_buffer(name) for game in games])
    like = next(first.parameters(), torch.empty(()))
    numbers = {}
    for (place, attribute), values in coefficients.items():
        module = first.get_submodule(place)
        delattr(module, attribute)
        numbers[place, attribute] = torch.tensor(values, dtype=like.dtype, device=like.device)
        module.register_buffer(attribute, numbers[place, attribute], persistent=False)
        buffers.append(f"{place}.{attribute}" if place else attribute)
    frozen = [name for name, p in first.named_parameters() if not p.requires_grad]
    members = Members(count, buffers, numbers, [name for name in differs if name not in changed], frozen)
    if try_on is not None:
        _compare(first, members, batch, {k: losses for k, (losses, _) in evaluated.items()})
    return first, members


def _evaluated(game: Game, batch: Batch) -> tuple[dict[str, Tensor], list[str]]:
    """Return the losses, and the buffers that they change."""
    with faults_of(f"{type(game).__name__}.losses"), preserve_state(game):
        before = {name: b._version for name, b in game.named_buffers()}
        losses = {key: loss.detach().clone() for key, loss in game.losses(batch, 0.5 * game.max_coupling, game.keys).items()}
        return losses, [name for name, b in game.named_buffers() if b._version != before[name]]


def _differing(games: Sequence[Game]) -> dict[tuple[str, str], list[float]]:
    """Return the plain numbers that differ, by module and attribute."""
    differing: dict[tuple[str, str], list[float]] = {}
    places = [dict(game.named_modules()) for game in games]
    for place, module in places[0].items():
        for attribute, value in vars(module).items():
            if not _comparable(value):
                continue
            values = [vars(modules[place]).get(attribute) for modules in places]
            if all(type(v) is type(value) and _equal(v, value) for v in values):
                continue
            if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values) or isinstance(value, int):
                where = f"{place}.{attribute}" if place else attribute
                raise CannotShare(
                    f"{type(games[0]).__name__}s whose '{where}' differs ({value!r} and others) cannot share a population: only numbers "
                    "with a decimal point and tensors may differ; play them one by one"
                )
            differing[place, attribute] = [float(v) for v in values]  # type: ignore[arg-type]
    return differing


def _comparable(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_comparable, value))
    return isinstance(value, (*_PLAIN, Tensor))


def _equal(a: Any, b: Any) -> bool:
    return identical(a, b) if isinstance(a, Tensor) else a == b


def _compare(game: Game, members: Members, batch: Batch, wanted: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Raise CannotShare if the stacked game gives other losses than its members' own games."""
    name = type(game).__name__
    stochastic = DropoutMasks(game, members.count)
    members.batch_axis = None
    at = {n: p.detach() for n, p in game.named_parameters()}
    try:
        with preserve_state(game), torch.no_grad():
            if stochastic.layers:
                return  # losses with random masks cannot be compared here
            stacked = members.losses(game, at, batch, 0.5 * game.max_coupling, game.keys, stochastic)
    except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise CannotShare(f"{name}'s losses cannot be mapped over members ({cause(error)}); its games are played one by one") from error
    finally:
        members.batch_axis = 0
    for member, losses in wanted.items():
        for key, loss in losses.items():
            if not torch.allclose(stacked[key][member], loss, rtol=1e-3, atol=1e-4, equal_nan=True):
                raise CannotShare(
                    f"stacked, {name} gives '{key}' of member {member} a loss of {float(stacked[key][member]):.6g}, but its own game "
                    f"{float(loss):.6g}; the games are played one by one. Fix: keep numbers that differ between members as attributes"
                )
