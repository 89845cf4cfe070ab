"""Signals that stop a process: Ctrl-C, SIGTERM and a lost connection."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

NUMBERS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Windows has no SIGHUP."""


@contextlib.contextmanager
def stopped_by(handle: Callable[[int, Any], None]) -> Iterator[None]:
    """Let `handle` handle Ctrl-C, SIGTERM and a lost connection within the block, in the main thread, which alone can handle signals.

    SIGHUP stays ignored if it is, as under `nohup`.
    """
    before = {}
    try:
        for number in NUMBERS:
            if number in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, handle)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def signals_interrupt() -> contextlib.AbstractContextManager[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt within the block, as Ctrl-C does."""

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    return stopped_by(interrupt)
