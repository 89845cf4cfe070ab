"""Number of CPU threads of torch."""

import contextlib
from collections.abc import Generator

import torch


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
