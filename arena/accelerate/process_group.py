"""The processes that play one game together, as `torchrun` starts them: each is a rank, and all of them play the same turns.

Every rank holds the same players and draws the same batches from the same seed; each evaluates the field on parts of its own, and means
over the ranks make it one field. So nothing but those means is sent, and what follows from them is the same bits on every rank.
"""

import atexit
import contextlib
import importlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from arena.errors import ArenaError, BadSetting, RunFailed

T = TypeVar("T")

_NEEDS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class PeerStopped(RunFailed):
    """Another process of the run has stopped, so that this one cannot go on."""


def started_by_torchrun() -> bool:
    """Whether this is one of several processes that torchrun started."""
    return all(name in os.environ for name in _NEEDS) and int(os.environ["WORLD_SIZE"]) > 1


def refuse_distributed(what: str) -> None:
    """Refuse several processes for what only one can do.

    Raises:
        ArenaError: under torchrun.

    Example:
        >>> refuse_distributed("a comparison")
    """
    if started_by_torchrun():
        raise ArenaError(
            f"{what} is for one process, but torchrun started {os.environ['WORLD_SIZE']}; only play and resume can share a game"
        )


class ProcessGroup:
    """What the processes of one game tell each other; every method must be called by all of them.

    Args:
        device: where this rank plays.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        self._control: Any = None if dist.get_backend() == "gloo" else dist.new_group(backend="gloo")  # what is said there waits for no GPU

    @property
    def is_main(self) -> bool:
        """Whether this rank is the first, which writes and shows."""
        return self.rank == 0

    def mean(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The mean of each tensor over the ranks."""
        found: dict[int, Tensor] = {}
        for dtype in dict.fromkeys(t.dtype for t in tensors):  # one message for each precision
            some = {i: t for i, t in enumerate(tensors) if t.dtype == dtype}
            sent = torch.cat([t.detach().reshape(-1) for t in some.values()])
            with _peers():
                dist.all_reduce(sent)
            pieces = sent.div_(self.count).split([t.numel() for t in some.values()])
            found |= {i: piece.view(t.shape) for (i, t), piece in zip(some.items(), pieces, strict=True)}
        return [found[i] for i in range(len(tensors))]

    def any(self, flag: bool) -> bool:
        """Whether it holds on some rank."""
        told = torch.tensor(int(flag))
        with _peers():
            dist.all_reduce(told, dist.ReduceOp.MAX, self._control)
        return bool(told)

    def on_main(self, make: Callable[[], T]) -> T:
        """What the first rank makes, on all of them."""
        box: list[Any] = [make() if self.is_main else None]
        with _peers():
            dist.broadcast_object_list(box, 0, self._control)
        return box[0]

    def share(self, module: nn.Module) -> None:
        """Give every rank the first one's parameters and buffers."""
        with torch.no_grad(), _peers():
            for tensor in [*module.parameters(), *module.buffers()]:
                sent = tensor.contiguous()
                dist.broadcast(sent, 0)
                tensor.copy_(sent)

    def check_same(self, what: str, tensors: Iterable[Tensor]) -> None:
        """Hold that these tensors are the same, bit for bit, on all ranks.

        Raises:
            RunFailed: where they are not.
        """
        marks = torch.stack([_mark(t) for t in tensors] or [torch.zeros((), dtype=torch.int64)]).cpu()
        told = torch.cat([marks, ~marks])  # the greatest of ~x is ~ of the least x
        with _peers():
            dist.all_reduce(told, dist.ReduceOp.MAX, self._control)
        if not torch.equal(told[: len(marks)], ~told[len(marks) :]):
            raise RunFailed(
                f"the {self.count} processes no longer have the same {what}, so that they do not play one game; look for random numbers "
                "that are not drawn from the game's rng, and for gradients that the field did not take"
            )

    def check_settings(self, settings: str) -> None:
        """Hold that all ranks were given the same settings.

        Raises:
            ArenaError: where they were not.
        """
        if self.any(self.on_main(lambda: settings) != settings):
            raise ArenaError(f"the {self.count} processes were given different settings; start them all by one torchrun command")


def join(device: str) -> ProcessGroup | None:
    """Meet the other processes of this game; None where there are none.

    They are those of `torch.distributed` where it is initialised, else those that torchrun's environment tells of.

    Args:
        device: the setting; auto and cuda are each process's own GPU.

    Raises:
        BadSetting: for one GPU that several processes would share, or one that is not there.
    """
    met = dist.is_available() and dist.is_initialized()
    if not (dist.get_world_size() > 1 if met else started_by_torchrun()):
        return None
    where = _device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if not met:
        if where.type == "cuda":
            torch.cuda.set_device(where)
        # Its functions' default argument is the group of all ranks as it is when the module is imported. Imported later, by whatever builds
        # an optimizer, they would hold the group for ever: its threads would live on and now and then abort a process at its end.
        importlib.import_module("torch.distributed.nn.functional")
        with _peers():
            dist.init_process_group("nccl" if where.type == "cuda" else "gloo", device_id=where if where.type == "cuda" else None)
        atexit.register(_close)
    if not _known or _known[-1].device != where:
        _known.append(ProcessGroup(where))
    return _known[-1]


def enter(ranks: ProcessGroup | None, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Tensors that are the same on all ranks, on their way into what each rank computes of its own part; gradients come back as means."""
    return tuple(tensors) if ranks is None else _Enter.apply(ranks, *tensors)


def leave(ranks: ProcessGroup | None, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The means over the ranks of what each computed of its own part, differentiable as often as one likes."""
    return tuple(tensors) if ranks is None else _Leave.apply(ranks, *tensors)


class _Enter(torch.autograd.Function):
    """x ↦ x on each rank; u ↦ the mean of u, since the loss is the mean of the ranks' losses."""

    @staticmethod
    def forward(ctx: Any, ranks: ProcessGroup, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.ranks = ranks
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return None, *_Leave.apply(ctx.ranks, *gradients)


class _Leave(torch.autograd.Function):
    """x ↦ the mean of x; u ↦ u on each rank: the other half of `_Enter`."""

    @staticmethod
    def forward(ctx: Any, ranks: ProcessGroup, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.ranks = ranks
        return tuple(ranks.mean(tensors))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return None, *_Enter.apply(ctx.ranks, *gradients)


_known: list[ProcessGroup] = []


def _close() -> None:
    """Close the connections, unless a user's script has."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _device(name: str, local: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type != "cuda":
        return device
    if device.index is not None:
        raise BadSetting("device", name, "auto, cpu or cuda: of several processes each takes the GPU of its own number")
    if local >= torch.cuda.device_count():
        raise BadSetting("device", name, f"cpu, or there must be fewer processes: this machine has {torch.cuda.device_count()} GPUs")
    return torch.device("cuda", local)


def _mark(tensor: Tensor) -> Tensor:
    """The sum of a tensor's bits as whole numbers, which does not depend on the order of the sum."""
    tensor = tensor.detach()
    if tensor.is_floating_point():
        tensor = tensor.contiguous().view(_BITS[tensor.element_size()])
    return tensor.sum(dtype=torch.int64)


@contextlib.contextmanager
def _peers() -> Iterator[None]:
    """Say it in a sentence where the others cannot be reached."""
    try:
        yield
    except RuntimeError as error:
        text = re.sub(r"\[\S*:\d+\] ", "", " ".join(str(error).split())).partition(". ")[0][:120]  # without places in torch's source
        raise PeerStopped(f"the other processes of this run cannot be reached ({text}); one that failed says why itself") from error
