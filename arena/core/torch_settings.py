"""Device and number of CPU threads of torch."""

import contextlib
from collections.abc import Generator

import torch

from arena.errors import BadSetting


@contextlib.contextmanager
def using_threads(threads: int) -> Generator[None, None, None]:
    """Use that many threads within the block; 0 keeps the current number.

    Example:
        >>> with using_threads(1):
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    if threads:
        torch.set_num_threads(threads)
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
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadSetting("device", name, f"auto or cpu: torch sees {torch.cuda.device_count()} GPUs here")
    return device
