"""The number of members of a population that fit into memory, from measuring one.

A member needs its parameters, their gradients and the optimizer's moments, and the tensors that a forward pass keeps for the backward pass,
which are counted in a turn of one member. `torch.func` has no hooks on kept tensors, so that for games that differentiate within their
losses all living tensors are counted instead. Shapes: K = members.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import psutil
import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from arena.engine import turn_engine
from arena.engine.episode import Episode
from arena.errors import BadSetting, GameFault

SHARE = 0.6
"""Share of the free memory that a population may take."""

OBJECTS = 40 * 2**10
"""Bytes that a member takes besides its tensors: its configuration, its random streams and the modules that it was built from."""


class Need(NamedTuple):
    """Bytes that a member needs.

    Args:
        parameters: Parameters and buffers of the players.
        optimizer: Gradients and moments.
        activations: Tensors kept from forward to backward, and as much again while they are used.
    """

    parameters: int
    optimizer: int
    activations: int

    @property
    def bytes(self) -> int:
        return self.parameters + self.optimizer + self.activations


def need(population: Any) -> Need:
    """Measure the memory that each member of a `Population` needs, by playing one turn."""
    return _need(population.episode)


def _need(episode: Episode) -> Need:
    game, members = episode.game, episode.members
    assert members is not None
    count = members.count
    stacked = [*game.parameters(), *(game.get_buffer(name) for name in members.buffers)]
    parameters = sum(t.numel() * t.element_size() for t in stacked)
    kept: dict[int, int] = {}
    known = {t.untyped_storage().data_ptr() for t in [*game.parameters(), *game.buffers()]}

    def pack(tensor: Tensor) -> Tensor:
        try:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in known:
                kept[storage.data_ptr()] = storage.nbytes()
        except RuntimeError:  # a rule that differentiates under vmap keeps tensors that have no storage of their own
            kept[-1 - len(kept)] = tensor.numel() * tensor.element_size()
        return tensor

    peak = 0
    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            turn_engine.play(episode, 1.0, 1.0, 0.5)
    except GameFault as error:
        if "saved tensor hooks" not in str(error):
            raise
        with _Living(known) as living:
            turn_engine.play(episode, 1.0, 1.0, 0.5)
        peak = living.peak
    moments = sum(
        v.numel() * v.element_size()
        for o in episode.optimizers.values()
        for s in o.state.values()
        for v in s.values()
        if isinstance(v, Tensor)
    )
    trained = sum(p.numel() * p.element_size() for p in game.parameters())
    return Need(parameters // count, (moments + 2 * trained) // count, (peak or 2 * sum(kept.values())) // count)


class _Living(TorchDispatchMode):
    """Count the bytes of the tensors that are made within the block; `peak` is the most that live at once."""

    def __init__(self, known: set[int]):
        super().__init__()
        self.known, self.peak = known, 0
        self._living: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and (place := tensor.untyped_storage().data_ptr()) not in self.known:
                self._living[place] = StorageWeakRef(tensor.untyped_storage()), tensor.untyped_storage().nbytes()
        self._living = {place: (storage, size) for place, (storage, size) in self._living.items() if not storage.expired()}
        self.peak = max(self.peak, sum(size for _, size in self._living.values()))
        return result


def free_bytes(device: torch.device) -> int:
    """Return the free memory of a device in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def too_many(episode: Any) -> BadSetting:
    """Return the error for a `BatchedEpisode` that does not fit into memory, with the number of members that would."""
    probe = type(episode)(episode.configs[:1])
    if episode.device.type == "cuda":
        torch.cuda.empty_cache()
        whole = torch.cuda.get_device_properties(episode.device).total_memory
    else:
        whole = psutil.virtual_memory().total
    most = max(1, min(episode.size - 1, int(SHARE * whole / max(_need(probe).bytes, 1))))
    return BadSetting("members", episode.size, f"at most about {most:,}, which fit into the memory of {episode.device}")


def fitting(population: Any, members: int | str, free: Callable[[torch.device], int] = free_bytes, name: str = "members") -> int:
    """Return the most members that a population of this kind may have.

    Args:
        population: A small population of this kind; it is played for one turn.
        members: The requested number, or auto.
        free: Returns the free memory of a device.
        name: Setting of the requested number, for the error.

    Raises:
        BadSetting: The requested number does not fit.
    """
    each = need(population).bytes + (OBJECTS if population.device.type == "cpu" else 0)
    most = max(1, int(SHARE * free(population.device) / max(each, 1)))
    if members == "auto":
        return most
    if int(members) > most:
        raise BadSetting(name, members, f"at most {most:,}: each needs {each / 2**20:.3g} MiB, and {SHARE:.0%} of the free memory is used")
    return int(members)
