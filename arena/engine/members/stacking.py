"""Stack games into the first of them, so that one game is a population of K.

The games of a population are built one by one, each from its own configuration and seed, and then stacked: parameters always; buffers that
differ or that a forward changes (running statistics); and plain numbers that differ, such as the noise of the data or the weight of a
penalty, which become buffers of one number for each member.

Shapes: K = members.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from arena.core.field.dropout import DropoutMasks
from arena.core.field.members import CannotShare, Members
from arena.core.game import Batch, Game
from arena.core.preserve import preserve_state

_PLAIN = (bool, int, float, str, type(None))


def signature(game: Game) -> tuple[Any, ...]:
    """What games must have in common to be stacked: names, shapes and types of their tensors."""
    tensors = [*game.named_parameters(), *game.named_buffers()]
    return tuple((name, tuple(t.shape), str(t.dtype)) for name, t in tensors)


def stack(
    games: Sequence[Game], try_on: Callable[[Game], Batch] | None = None, differing: Callable[[], Sequence[str]] = tuple
) -> tuple[Game, Members]:
    """Stack games into the first of them.

    Args:
        games: of one class and one signature; all but the first are used up.
        try_on: draws a batch; given one, the stacked losses of some members are compared with their games' own.
        differing: names the settings in which they differ, for the message where their shapes do.

    Raises:
        CannotShare: where they differ in something that is neither a tensor nor a number, where a game's code cannot be mapped, or where
            the stacked game gives other losses than the single ones.
    """
    first, count = games[0], len(games)
    if len({signature(game) for game in games}) > 1:
        by = f" by {', '.join(names)}" if (names := differing()) else ""
        raise CannotShare(f"{type(first).__name__}s whose tensors differ in shape{by} cannot share a population; play them one by one")
    batch = None if try_on is None else try_on(first)
    changed = _changed(first, batch) if try_on is not None else set()
    picks = sorted({round(i * (count - 1) / 7) for i in range(8)}) if count > 1 else [0]
    wanted = {k: _own(games[k], batch) for k in picks} if try_on is not None else {}
    coefficients = _differing(games)
    with torch.no_grad():
        for name, p in list(first.named_parameters()):
            p.data = torch.stack([dict(game.named_parameters())[name].detach() for game in games]) if count < 3 else _stacked(games, name)
        buffers = []
        for name, b in list(first.named_buffers()):
            others = [game.get_buffer(name) for game in games[1:]]
            if name in changed or any(not torch.equal(b, other) for other in others):
                b.data = torch.stack([b, *others])
                buffers.append(name)
    device = next((p.device for p in first.parameters()), torch.device("cpu"))
    made = {}
    for (place, attribute), values in coefficients.items():
        module = first.get_submodule(place)
        delattr(module, attribute)
        dtype = next((p.dtype for p in first.parameters()), torch.get_default_dtype())
        made[place, attribute] = torch.tensor(values, dtype=dtype, device=device)
        module.register_buffer(attribute, made[place, attribute], persistent=False)
        buffers.append(f"{place}.{attribute}" if place else attribute)
    members = Members(count, buffers, made)
    if try_on is not None:
        _compare(first, members, batch, wanted)
    return first, members


def _stacked(games: Sequence[Game], name: str) -> Tensor:
    return torch.stack([game.get_parameter(name).detach() for game in games])


def _changed(game: Game, batch: Batch) -> set[str]:
    """Buffers that a forward changes."""
    before = {name: b._version for name, b in game.named_buffers()}
    _own(game, batch)
    return {name for name, b in game.named_buffers() if b._version != before[name]}


def _own(game: Game, batch: Batch) -> dict[str, Tensor]:
    with preserve_state(game):
        return {key: loss.detach().clone() for key, loss in game.losses(batch, 0.5 * game.max_coupling, game.keys).items()}


def _differing(games: Sequence[Game]) -> dict[tuple[str, str], list[float]]:
    """Plain numbers that differ, by module and attribute."""
    found: dict[tuple[str, str], list[float]] = {}
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
            found[place, attribute] = [float(v) for v in values]  # type: ignore[arg-type]
    return found


def _comparable(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_comparable, value))
    return isinstance(value, (*_PLAIN, Tensor))


def _equal(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, Tensor) else a == b


def _compare(game: Game, members: Members, batch: Batch, wanted: Mapping[int, Mapping[str, Tensor]]) -> None:
    """A stacked game that gives other losses than its members' own games is none; better told now than trusted later."""
    name = type(game).__name__
    stochastic = DropoutMasks(game, members.count)
    members.batch_axis = None
    at = {n: p.detach() for n, p in game.named_parameters()}
    try:
        with preserve_state(game), torch.no_grad():
            if stochastic.layers:
                return  # losses with random masks cannot be compared here
            found = members.losses(game, at, batch, 0.5 * game.max_coupling, game.keys, stochastic)
    except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        first = " ".join(str(error).split())[:160]
        raise CannotShare(
            f"{name}'s losses cannot be mapped over members ({type(error).__name__}: {first}); its games are played one by one"
        ) from error
    finally:
        members.batch_axis = 0
    for member, losses in wanted.items():
        for key, loss in losses.items():
            if not torch.allclose(found[key][member], loss, rtol=1e-3, atol=1e-4, equal_nan=True):
                raise CannotShare(
                    f"{name} stacked gives '{key}' of member {member} a loss of {float(found[key][member]):.6g}, but its own game gives "
                    f"{float(loss):.6g}: something that differs between members is not an attribute that is a number; they are played one "
                    "by one"
                )
