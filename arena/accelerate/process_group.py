"""The processes that play one game together, as `torchrun` starts them: each is a rank, and all of them play the same turns.

All ranks hold the same players and draw the same batches from the same seed. Each evaluates the field on its own parts of a batch, and the
mean over the ranks is the field of the batch. Only these means are sent, and all ranks compute the same bits from them.
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
    """A lost connection: another process of the run has stopped."""


def started_by_torchrun() -> bool:
    """Return whether this is one of several processes that torchrun started."""
    return all(name in os.environ for name in _NEEDS) and int(os.environ["WORLD_SIZE"]) > 1


def refuse_distributed(what: str) -> None:
    """Raise ArenaError under torchrun, for work of a single process such as "a comparison"."""
    if started_by_torchrun():
        raise ArenaError(
            f"{what} is for one process, but torchrun started {os.environ['WORLD_SIZE']}; only play and resume can share a game"
        )


class ProcessGroup:
    """The messages between the processes of one game; all of them must call every method.

    Args:
        device: Device of this rank.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        self._control: Any = None if dist.get_backend() == "gloo" else dist.new_group(backend="gloo")  # messages that wait for no GPU

    @property
    def is_main(self) -> bool:
        """Whether this rank is the first, which writes and prints."""
        return self.rank == 0

    def mean(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the mean of each tensor over the ranks."""
        means: dict[int, Tensor] = {}
        for dtype in dict.fromkeys(t.dtype for t in tensors):  # one message for each precision
            some = {i: t for i, t in enumerate(tensors) if t.dtype == dtype}
            sent = torch.cat([t.detach().reshape(-1) for t in some.values()])
            with _peers():
                dist.all_reduce(sent)
            pieces = sent.div_(self.count).split([t.numel() for t in some.values()])
            means |= {i: piece.view(t.shape) for (i, t), piece in zip(some.items(), pieces, strict=True)}
        return [means[i] for i in range(len(tensors))]

    def any(self, flag: bool) -> bool:
        """Return whether a flag is true on some rank."""
        largest = torch.tensor(int(flag))
        with _peers():
            dist.all_reduce(largest, dist.ReduceOp.MAX, self._control)
        return bool(largest)

    def on_main(self, make: Callable[[], T]) -> T:
        """Return the result of `make` on the first rank, on all ranks."""
        box: list[Any] = [make() if self.is_main else None]
        with _peers():
            dist.broadcast_object_list(box, 0, self._control)
        return box[0]

    def share(self, module: nn.Module) -> None:
        """Copy the first rank's parameters and buffers to all ranks."""
        with torch.no_grad(), _peers():
            for tensor in [*module.parameters(), *module.buffers()]:
                sent = tensor.contiguous()
                dist.broadcast(sent, 0)
                tensor.copy_(sent)

    def check_same(self, what: str, tensors: Iterable[Tensor]) -> None:
        """Raise RunFailed if these tensors are not the same, bit for bit, on all ranks."""
        marks = torch.stack([_mark(t) for t in tensors] or [torch.zeros((), dtype=torch.int64)]).cpu()
        largest = torch.cat([marks, ~marks])  # the largest ~x is ~ of the smallest x
        with _peers():
            dist.all_reduce(largest, dist.ReduceOp.MAX, self._control)
        if not torch.equal(largest[: len(marks)], ~largest[len(marks) :]):
            raise RunFailed(
                f"the {self.count} processes no longer have the same {what}. Fix: draw random numbers from rng alone in a game, and take "
                "gradients from the field alone in a rule"
            )

    def check_settings(self, settings: str) -> None:
        """Raise ArenaError if the ranks were given different settings."""
        if self.any(self.on_main(lambda: settings) != settings):
            raise ArenaError(f"the {self.count} processes were given different settings; start them all by one torchrun command")


def join(device: str) -> ProcessGroup | None:
    """Connect to the other processes of this game; return None if there are none.

    They are those of `torch.distributed` if it is initialised, else those of torchrun's environment. With the device auto or cuda, each
    process takes its own GPU.

    Raises:
        BadSetting: Several processes would share one GPU, or the GPU does not exist.
    """
    connected = dist.is_available() and dist.is_initialized()
    if not (dist.get_world_size() > 1 if connected else started_by_torchrun()):
        return None
    place = _device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if not connected:
        if place.type == "cuda":
            torch.cuda.set_device(place)
        # The default argument of its functions is the group of all ranks when the module is imported. If the import came later, when an
        # optimizer is built, they would hold the group for ever: its threads would live on and sometimes abort a process at its end.
        importlib.import_module("torch.distributed.nn.functional")
        with _peers():
            dist.init_process_group("nccl" if place.type == "cuda" else "gloo", device_id=place if place.type == "cuda" else None)
        atexit.register(_close)
    if not _known or _known[-1].device != place:
        _known.append(ProcessGroup(place))
    return _known[-1]


def enter(ranks: ProcessGroup | None, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Pass tensors that are the same on all ranks to each rank's part of a computation; their gradients are means over the ranks."""
    return tuple(tensors) if ranks is None else _Enter.apply(ranks, *tensors)


def leave(ranks: ProcessGroup | None, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the means over the ranks of the results of each rank's part, differentiable any number of times."""
    return tuple(tensors) if ranks is None else _Leave.apply(ranks, *tensors)


class _Enter(torch.autograd.Function):
    """x ↦ x on each rank; u ↦ the mean of u, because the loss is the mean of the ranks' losses."""

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
    """Close the connections, unless a user's script has closed them."""
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
    """Return the sum of a tensor's bits as whole numbers, which does not depend on the order of the sum."""
    tensor = tensor.detach()
    if tensor.is_floating_point():
        tensor = tensor.contiguous().view(_BITS[tensor.element_size()])
    return tensor.sum(dtype=torch.int64)


@contextlib.contextmanager
def _peers() -> Iterator[None]:
    """Raise PeerStopped if the other processes cannot be reached."""
    try:
        yield
    except RuntimeError as error:
        text = re.sub(r"\[\S*:\d+\] ", "", " ".join(str(error).split())).partition(". ")[0][:120]  # without places in torch's source
        raise PeerStopped(f"the other processes of this run cannot be reached ({text}); see the error of the one that failed") from error
