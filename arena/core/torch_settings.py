"""Device and number of CPU threads of torch.

The threads of OpenMP, in which torch computes, do not survive a fork: a child that computes in several threads waits for them for ever.
So a forked process computes in one, as the workers of torch's own data loaders do.
"""

import contextlib
import os
from collections.abc import Generator

import torch

from arena.errors import BadSetting

_threads = {"several": False, "lost": False}
"""Whether this process has computed in several threads, and whether it was forked from one that has."""


def _one_thread() -> None:
    _threads["lost"] = _threads["lost"] or _threads["several"]
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread)


@contextlib.contextmanager
def using_threads(threads: int) -> Generator[None, None, None]:
    """Use that many threads within the block; 0 keeps the current number.

    Raises:
        BadSetting: Several threads in a process that was forked from one that has computed in several.

    Example:
        >>> with using_threads(1):
        ...     torch.get_num_threads()
        1
    """
    if threads > 1 and _threads["lost"]:
        raise BadSetting(
            "threads",
            threads,
            "0 or 1 in a forked process, whose parent has computed in several threads, which do not survive a fork. "
            "Fix: start the process by spawn",
        )
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
    _threads["several"] = _threads["several"] or torch.get_num_threads() > 1
    try:
        yield
    finally:
        torch.set_num_threads(before)


def pick_device(name: str) -> torch.device:
    """Return the device of that name, with `auto` a GPU if there is one; raise BadSetting if it does not exist."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadSetting("device", name, "auto, cpu, cuda or cuda:1") from error
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    there = {"cpu": 1} if accelerator is None else {"cpu": 1, accelerator.type: torch.accelerator.device_count()}
    if (device.index or 0) >= there.get(device.type, 0):
        raise BadSetting("device", name, f"auto or cpu: torch sees {torch.cuda.device_count()} GPUs here")
    return device
